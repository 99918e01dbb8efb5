"""The subcommands, one module each."""

from edurelay_cli.commands import contracts, demo, down, topics, up

COMMANDS = (up.COMMAND, down.COMMAND, topics.COMMAND, contracts.COMMAND, demo.COMMAND)
