"""The subcommands, one module each."""

from edurelay_cli.commands import bench, contracts, demo, down, keys, mapping, topics, up

COMMANDS = (
    up.COMMAND,
    down.COMMAND,
    demo.COMMAND,
    bench.COMMAND,
    topics.COMMAND,
    keys.TENANTS,
    keys.KEYS,
    mapping.COMMAND,
    contracts.COMMAND,
)
