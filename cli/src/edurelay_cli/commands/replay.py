"""`edurelay replay`: what the log holds of a stretch of time, delivered to an endpoint once more."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from edurelay_cli.api.access import USAGE
from edurelay_cli.api.groups import Action, Call, single
from edurelay_cli.api.moments import moment
from edurelay_cli.commands.base import CommandFailed


async def _replay(call: Call) -> None:
    options = call.options
    until = options.until or datetime.now(UTC)
    if options.since >= until:
        raise CommandFailed(f"--since ({options.since:%F %T}) is not before --until ({until:%F %T})", USAGE)
    replay = await call.client.endpoints.replay(
        options.endpoint, since=options.since, until=until, event_types=options.type
    )
    found = {"replay_id": replay, "since": options.since.isoformat(), "until": until.isoformat()}
    call.show.rows({"REPLAY": "replay_id"}, [found], "")
    call.show.say(f"follow it: edurelay deliveries list --endpoint {options.endpoint}")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="the endpoint's id")
    parser.add_argument(
        "--since", type=moment, required=True, metavar="WHEN", help="2h, 1d12h, or 2026-01-31T08:15:00Z"
    )
    parser.add_argument("--until", type=moment, metavar="WHEN", help="the same; now, unless given")
    parser.add_argument("--type", action="append", default=[], help="only such events; may be repeated")


COMMAND = single(Action("replay", "deliver what the log holds of a stretch of time once more", _replay, _arguments))
