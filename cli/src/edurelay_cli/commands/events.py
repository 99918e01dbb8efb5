"""`edurelay events`: what was published, what an endpoint gets of it, and publishing."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TextIO

from edurelay_cli.api.access import USAGE
from edurelay_cli.api.groups import Action, Call, first, group, limit_argument
from edurelay_cli.api.publishing import BadEvents, Batch, batches, loads, read_events
from edurelay_cli.api.showing import fields, pretty, printable, table
from edurelay_cli.commands.base import CommandFailed
from edurelay_client import EdurelayError
from edurelay_client.models import StreamedEvent

_COLUMNS = {"ID": "id", "TYPE": "type", "SUBJECT": "subject", "TIME": "time", "SOURCE": "source"}
_DELIVERIES = {"DELIVERY": "id", "ENDPOINT": "endpoint_id", "STATUS": "status", "ATTEMPTS": "attempts"}


async def _list(call: Call) -> None:
    options = call.options
    found = await first(call.client.events.page, options.limit, type=options.type, subject=options.subject)
    call.show.rows(_COLUMNS, found, "there are no such events")


async def _show(call: Call) -> None:
    event = await call.client.events.get(call.options.id)
    if call.show.as_json:
        call.show.one(event)
        return
    print(fields(event.model_dump(exclude={"data", "data_available", "deliveries"})))
    print(f"\n{pretty(event.data) if event.data_available else 'its data is in the log no more'}\n")
    rows = [each.model_dump() for each in event.deliveries]
    print(table(_DELIVERIES, rows) if rows else "no endpoint matched it")


async def _publish(call: Call) -> int:
    options = call.options
    if options.type is None:
        if options.data is not None:
            raise CommandFailed("--data is the data of one event, which needs a type: --type", USAGE)
        return await _publish_file(call)
    if options.file is not None:
        raise CommandFailed("give either a file of events, or --type and --data", USAGE)
    event_id = await call.client.events.publish(
        options.type,
        options.data or {},
        id=options.id,
        subject=options.subject,
        time=options.time,
        idempotency_key=options.repeat,
    )
    call.show.rows({"ID": "id"}, [{"id": event_id}], "")
    return 0


async def _publish_file(call: Call) -> int:
    """Publish a file in batches. Each has a key of its own below one of the whole, so that a repetition of the
    command with that key publishes nothing twice."""
    key = call.options.repeat or str(uuid.uuid4())
    accepted = refused = 0
    try:
        with _opened(call.options.file) as stream:
            for number, batch in enumerate(batches(read_events(stream)), 1):
                good = await _publish_batch(call, batch, f"{key}:{number}")
                accepted += good
                refused += len(batch.items) - good
    except (BadEvents, UnicodeDecodeError) as error:
        raise CommandFailed(f"{error}; {_so_far(accepted, key)}", USAGE) from error
    except EdurelayError:
        print(f"edurelay: {_so_far(accepted, key)}", file=sys.stderr)
        raise
    call.show.say(f"{accepted} published" + (f", {refused} refused" if refused else ""))
    return 1 if refused else 0


async def _publish_batch(call: Call, batch: Batch, key: str) -> int:
    outcomes = await call.client.events.publish_batch([each.event for each in batch.items], idempotency_key=key)
    good = 0
    for item, outcome in zip(batch.items, outcomes, strict=True):
        if outcome.error is None:
            good += 1
        else:
            reason = f"{outcome.error.detail} [{outcome.error.code}]"
            print(f"edurelay: {item.number} was refused: {printable(reason)}", file=sys.stderr)
        if call.show.as_json:
            print(json.dumps({"number": item.number, **outcome.model_dump(exclude_none=True)}))
    return good


def _so_far(accepted: int, key: str) -> str:
    return f"{accepted} were published before; run it again with --repeat {key} to publish each once"


def _opened(name: str | None) -> AbstractContextManager[TextIO]:
    if name is None or name == "-":
        return nullcontext(sys.stdin)
    try:
        return Path(name).open(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"{name} cannot be read: {error.strerror}", USAGE) from error


def _data(text: str) -> dict[str, Any]:
    try:
        found = loads(text)
    except BadEvents as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("the data of an event is a JSON object")
    return found


async def _follow(call: Call) -> None:
    options = call.options
    consumer = call.client.endpoints.consumer(
        options.endpoint, after=options.after, push=True, commit=options.commit, skip_gone=options.skip_gone
    )

    async def show(event: StreamedEvent) -> None:
        if call.show.as_json:
            print(json.dumps(event.model_dump(mode="json"), ensure_ascii=False), flush=True)
        else:
            what = json.dumps(event.event, ensure_ascii=False) if event.event is not None else "in the log no more"
            print(printable(f"{event.sequence}  {event.event_type or '-'}  {what}"), flush=True)

    await consumer.run(show)


def _follow_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="the endpoint's id")
    parser.add_argument(
        "--after", type=int, metavar="N", help="begin behind this number; 0: with the first (what was committed)"
    )
    parser.add_argument("--commit", action="store_true", help="commit what was printed: the next time it goes on there")
    parser.add_argument(
        "--skip-gone", action="store_true", help="go on at the first event that is there, where some were deleted"
    )


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", help="only those of this type")
    parser.add_argument("--subject", help="only those about this")
    limit_argument(parser)


def _publish_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", help="a JSON object a line, or JSON; standard input, unless given or -")
    parser.add_argument("--type", help="publish one event of this type instead of a file")
    parser.add_argument("--data", type=_data, metavar="JSON", help="its data ({})")
    parser.add_argument("--id", help="its id; an id that was seen before is not delivered again")
    parser.add_argument("--subject", help="what it is about")
    parser.add_argument("--time", help="when it happened, such as 2026-01-31T08:15:00Z (now)")
    parser.add_argument(
        "--repeat", metavar="KEY", help="an idempotency key: a repetition with it publishes nothing twice"
    )


COMMAND = group(
    "events",
    "what was published, what an endpoint gets of it, and publishing",
    (
        Action("list", "list events, the newest first", _list, _list_arguments),
        Action(
            "show",
            "show an event, its data, and where it went",
            _show,
            lambda parser: parser.add_argument("id", help="the event's id"),
        ),
        Action("follow", "print what an endpoint gets, as it comes; Ctrl-C ends it", _follow, _follow_arguments),
        Action("publish", "publish one event, or a file of them", _publish, _publish_arguments),
    ),
)
