"""The subcommands, one module each."""

from edurelay_cli.commands import (
    bench,
    contracts,
    deliveries,
    demo,
    dlq,
    down,
    endpoints,
    events,
    keys,
    listen,
    mapping,
    replay,
    topics,
    up,
)

COMMANDS = (
    up.COMMAND,
    down.COMMAND,
    demo.COMMAND,
    bench.COMMAND,
    listen.COMMAND,
    events.COMMAND,
    endpoints.COMMAND,
    deliveries.COMMAND,
    replay.COMMAND,
    dlq.COMMAND,
    topics.COMMAND,
    keys.TENANTS,
    keys.KEYS,
    mapping.COMMAND,
    contracts.COMMAND,
)
