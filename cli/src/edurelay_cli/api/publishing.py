"""Events to publish, from a file of JSON or of a JSON object a line, in batches that the API takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

import orjson
from pydantic import ValidationError

from edurelay_client import NewEvent

#: What one call takes: so many events, and so many bytes, with some room for what stands around them.
BATCH_EVENTS = 1000
BATCH_BYTES = 1_000_000


class BadEvents(ValueError):
    """The input holds something else than events; the message says where."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event, the number of its line or its place in the array from 1, and its size in bytes."""

    number: int
    event: NewEvent
    size: int


@dataclass(slots=True)
class Batch:
    """Events for one call."""

    items: list[Numbered] = field(default_factory=list)
    size: int = 0

    def has_room(self, size: int) -> bool:
        """Tell whether an event of this size may be added."""
        return not self.items or (len(self.items) < BATCH_EVENTS and self.size + size <= BATCH_BYTES)

    def add(self, item: Numbered) -> None:
        """Add an event."""
        self.items.append(item)
        self.size += item.size


def read_events(stream: TextIO) -> Iterator[Numbered]:
    """Yield the events of NDJSON, of one JSON object over several lines, of an array, or of `{"events": […]}`.

    Lines are read one by one, so that a file may be of any size. Raises `BadEvents`.
    """
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            found = loads(line)
        except BadEvents as error:
            if number > 1:
                raise BadEvents(f"line {number}: {error}") from None
            # The first line is not JSON by itself, so all of it may be.
            yield from _whole(line + stream.read())
            return
        if isinstance(found, list) or (isinstance(found, dict) and "events" in found):
            yield from _each(found)
        else:
            yield _event(number, found, "line")


def batches(events: Iterable[Numbered]) -> Iterator[Batch]:
    """Put events together for as few calls as will do."""
    batch = Batch()
    for item in events:
        if not batch.has_room(item.size):
            yield batch
            batch = Batch()
        batch.add(item)
    if batch.items:
        yield batch


def loads(text: str) -> Any:
    """Read JSON that can be written again as it is. Raises `BadEvents`."""
    try:
        found = json.loads(text, parse_constant=_refuse)
        orjson.dumps(found)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadEvents(f"this is no JSON that can be sent: {error}") from None
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _whole(text: str) -> Iterator[Numbered]:
    found = loads(text)
    yield from _each(found if isinstance(found, list) or (isinstance(found, dict) and "events" in found) else [found])


def _each(found: Any) -> Iterator[Numbered]:
    events = found["events"] if isinstance(found, dict) else found
    if not isinstance(events, list):
        raise BadEvents("`events` is no array")
    for number, each in enumerate(events, 1):
        yield _event(number, each, "event")


def _event(number: int, found: Any, what: str) -> Numbered:
    try:
        event = NewEvent.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise BadEvents(f"{what} {number}: {place}: {first['msg']}") from None
    return Numbered(number, event, len(orjson.dumps(found)))
