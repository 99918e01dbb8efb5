"""`edurelay deliveries`: what became of events on their way."""

from __future__ import annotations

import argparse

from edurelay_cli.api.groups import Action, Call, first, group, limit_argument

COLUMNS = {
    "ID": "id",
    "EVENT TYPE": "event_type",
    "STATUS": "status",
    "ATTEMPTS": "attempts",
    "UPDATED": "updated_at",
    "NEXT": "next_attempt_at",
    "REASON": "reason",
}
ATTEMPTS = {
    "NUMBER": "number",
    "AT": "at",
    "MS": "duration_ms",
    "ANSWER": "status_code",
    "OUTCOME": "outcome",
    "ERROR": "error",
    "EXCERPT": "response_excerpt",
}
STATUSES = ("pending", "delivered", "dead_lettered")


async def _list(call: Call) -> None:
    options = call.options
    found = await first(
        call.client.deliveries.page,
        options.limit,
        endpoint=options.endpoint,
        event=options.event,
        status=options.status,
    )
    call.show.rows(COLUMNS, found, "there are no such deliveries")


async def _show(call: Call) -> None:
    call.show.one(await call.client.deliveries.get(call.options.id))


async def _attempts(call: Call) -> None:
    found = await call.client.deliveries.attempts(call.options.id)
    call.show.rows(ATTEMPTS, found, "nothing was attempted yet")


async def _redeliver(call: Call) -> None:
    call.show.rows(COLUMNS, [await call.client.deliveries.redeliver(each) for each in call.options.id], "")


async def _skip(call: Call) -> None:
    call.show.rows(COLUMNS, [await call.client.deliveries.skip(each) for each in call.options.id], "")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", metavar="ID", help="only those to this endpoint")
    parser.add_argument("--event", metavar="ID", help="only those of this event")
    parser.add_argument("--status", choices=STATUSES, help="only those that stand there")
    limit_argument(parser)


def _one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="the delivery's id")


def _several(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="+", help="the deliveries' ids")


COMMAND = group(
    "deliveries",
    "what became of events on their way",
    (
        Action("list", "list deliveries, the newest first within each endpoint", _list, _list_arguments),
        Action("show", "show a delivery", _show, _one),
        Action("attempts", "list its attempts, with what was answered", _attempts, _one),
        Action(
            "redeliver",
            "deliver once more, the same bytes under the same id",
            _redeliver,
            _several,
        ),
        Action("skip", "give up one that is pending or parked, so that what waits for it goes on", _skip, _several),
    ),
)
