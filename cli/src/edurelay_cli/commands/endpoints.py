"""`edurelay endpoints`: where events are delivered to."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable

from edurelay_cli.api.access import USAGE
from edurelay_cli.api.fields import field_arguments, given_fields
from edurelay_cli.api.groups import Action, Call, first, group, limit_argument
from edurelay_cli.api.moments import stretch
from edurelay_cli.commands.base import CommandFailed
from edurelay_cli.commands.deliveries import ATTEMPTS
from edurelay_client.models import Delivery

#: What stands for an endpoint to which nothing is sent.
NO_URL = "-"

_COLUMNS = {"ID": "id", "ENABLED": "enabled", "EVENT TYPES": "event_types", "URL": "url", "DESCRIPTION": "description"}
_LEDGER = {
    "ENDPOINT": "endpoint_id",
    "MATCHED": "matched",
    "DELIVERED": "delivered",
    "PENDING": "pending",
    "DEAD-LETTERED": "dead_lettered",
}


async def _list(call: Call) -> None:
    found = await first(call.client.endpoints.page, call.options.limit)
    call.show.rows(_COLUMNS, found, "there are no endpoints; `edurelay endpoints create URL TYPES` makes one")


async def _show(call: Call) -> None:
    call.show.one(await call.client.endpoints.get(call.options.id))


async def _create(call: Call) -> None:
    url = None if call.options.url == NO_URL else call.options.url
    wanted = {"url": url, "event_types": call.options.types} | given_fields(call.options)
    if call.options.disabled:
        wanted["enabled"] = False
    call.show.one(await call.client.endpoints.create(**wanted))


async def _change(call: Call) -> None:
    options = call.options
    wanted = given_fields(options)
    if options.url is not None:
        wanted["url"] = options.url
    if options.type:
        wanted["event_types"] = options.type
    if not wanted:
        raise CommandFailed("nothing to change: give an option, such as --type or --description", USAGE)
    call.show.one(await call.client.endpoints.change(options.id, **wanted))


async def _enable(call: Call) -> None:
    await call.client.endpoints.enable(call.options.id)
    call.show.say("enabled; what happened meanwhile comes by `edurelay replay`")


async def _disable(call: Call) -> None:
    await call.client.endpoints.change(call.options.id, enabled=False)
    call.show.say("disabled; what is pending waits, and new events are not matched")


async def _delete(call: Call) -> None:
    await call.client.endpoints.delete(call.options.id)
    call.show.say("deleted")


async def _secret(call: Call) -> None:
    call.show.one(await call.client.endpoints.secret(call.options.id))


async def _rotate(call: Call) -> None:
    overlap = call.options.overlap
    seconds = int(overlap.total_seconds()) if overlap is not None else ...
    call.show.one(await call.client.endpoints.rotate_secret(call.options.id, overlap_seconds=seconds))


async def _test(call: Call) -> int:
    """Send a test event, and show what became of its first attempt."""
    delivery = await call.client.endpoints.test(call.options.id, event_type=call.options.type or ...)
    delivery = await _attempted(call, delivery, call.options.wait)
    attempts = await call.client.deliveries.attempts(delivery.id)
    if call.show.as_json:
        call.show.one({**delivery.model_dump(), "made": [each.model_dump() for each in attempts]})
    else:
        call.show.rows(ATTEMPTS, attempts, f"not attempted yet; `edurelay deliveries show {delivery.id}` tells when")
    return 0 if delivery.status == "delivered" else 1


async def _attempted(call: Call, delivery: Delivery, seconds: float) -> Delivery:
    deadline = time.monotonic() + seconds
    while delivery.status == "pending" and not delivery.attempts and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        delivery = await call.client.deliveries.get(delivery.id)
    return delivery


async def _ledger(call: Call) -> None:
    ids = call.options.id or [each.id for each in await first(call.client.endpoints.page, call.options.limit)]
    ledgers = [(await call.client.endpoints.ledger(each)).model_dump() for each in ids]
    found = [{"endpoint_id": each, **ledger} for each, ledger in zip(ids, ledgers, strict=True)]
    call.show.rows(_LEDGER, found, "there are no endpoints")


def _one(
    further: Callable[[argparse.ArgumentParser], object] | None = None,
) -> Callable[[argparse.ArgumentParser], None]:
    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("id", help="the endpoint's id")
        if further is not None:
            further(parser)

    return arguments


def _create_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", help=f"where events are sent to; {NO_URL}: nowhere, they are read from the stream")
    parser.add_argument(
        "types", nargs="+", metavar="type", help="event types, such as student.created, student.* or '*'"
    )
    parser.add_argument("--disabled", action="store_true", help="make it disabled")
    field_arguments(parser)


def _change_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="where events are sent to")
    parser.add_argument("--type", action="append", help="the event types in place of the present ones; may be repeated")
    field_arguments(parser)


def _test_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", help="the test event's type (endpoint.test)")
    parser.add_argument(
        "--wait", type=float, default=20.0, metavar="SECONDS", help="how long to wait for the attempt (20)"
    )


def _ledger_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="*", help="endpoints; all, unless given")
    limit_argument(parser)


COMMAND = group(
    "endpoints",
    "where events are delivered to",
    (
        Action("list", "list the endpoints, the newest first", _list, limit_argument),
        Action("show", "show an endpoint", _show, _one()),
        Action("create", "make an endpoint; its secret is shown", _create, _create_arguments),
        Action("change", "change what is given, and leave the rest", _change, _one(_change_arguments)),
        Action("enable", "enable an endpoint", _enable, _one()),
        Action("disable", "disable an endpoint", _disable, _one()),
        Action("delete", "delete an endpoint", _delete, _one()),
        Action("secret", "show what its deliveries are signed with", _secret, _one()),
        Action(
            "rotate-secret",
            "replace the secret; the old one signs beside it for a while",
            _rotate,
            _one(
                lambda parser: parser.add_argument("--overlap", type=stretch, metavar="24h", help="for how long (24h)")
            ),
        ),
        Action(
            "test", "send a test event and show the answer; fails where it was not 2xx", _test, _one(_test_arguments)
        ),
        Action("ledger", "how many deliveries stand where", _ledger, _ledger_arguments),
    ),
)
