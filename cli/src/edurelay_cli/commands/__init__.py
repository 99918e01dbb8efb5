"""The subcommands, one module each."""

from edurelay_cli.commands import contracts, down, topics, up

COMMANDS = (up.COMMAND, down.COMMAND, topics.COMMAND, contracts.COMMAND)
