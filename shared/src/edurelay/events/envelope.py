"""CloudEvents 1.0 in Kafka's binary mode: attributes as `ce_*` headers, the data as the message's value.

The value is passed through as bytes: what was published is what is signed, sent, stored and replayed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

HeaderList = Sequence[tuple[str, bytes]]

#: Marks a message that its producer may have written before; a consumer that dedupes by look-up looks at these.
MAYBE_REPEATED = "maybe-repeated"


def timestamp(moment: datetime) -> str:
    """Return `moment` as the documents write it: UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_timestamp(seconds: float) -> str:
    """Return a Unix time in the form of `timestamp`."""
    second, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{_beginning(second)}.{milliseconds:03d}Z"


@lru_cache(maxsize=256)
def _beginning(second: int) -> str:
    # What all moments of a second share: thousands of them are written in the present one.
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def now() -> str:
    """Return the present moment in the form of `timestamp`."""
    return unix_timestamp(time.time())


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent. `data` is JSON text, `time` is in the form of `timestamp`."""

    id: str
    type: str
    source: str
    tenant: str
    time: str
    data: bytes
    subject: str | None = None
    traceparent: str | None = None
    maybe_repeated: bool = False

    @property
    def key(self) -> bytes:
        """The message key: events of one subject stay in order, events without one spread by their id."""
        return f"{self.tenant}/{self.subject or self.id}".encode()

    def headers(self) -> list[tuple[str, bytes]]:
        """Return the `ce_*` headers, `content-type` and, where there is one, `traceparent`."""
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_tenant", self.tenant.encode()),
            ("ce_time", self.time.encode()),
            ("content-type", b"application/json"),
        ]
        if self.subject is not None:
            headers.append(("ce_subject", self.subject.encode()))
        if self.traceparent is not None:
            headers.append(("traceparent", self.traceparent.encode()))
        if self.maybe_repeated:
            headers.append((MAYBE_REPEATED, b"1"))
        return headers

    def message(self, topic: str) -> Message:
        """Return the message that carries the event."""
        return Message(topic, self.key, self.data, self.headers())

    @classmethod
    def from_message(cls, headers: HeaderList, value: bytes | None) -> Event:
        """Read an event back. Raises `MalformedEvent` where a required attribute or the data is missing."""
        found = dict(headers)
        try:
            return cls(
                id=found["ce_id"].decode(),
                type=found["ce_type"].decode(),
                source=found["ce_source"].decode(),
                tenant=found["ce_tenant"].decode(),
                time=found["ce_time"].decode(),
                data=value if value is not None else b"null",
                subject=found["ce_subject"].decode() if "ce_subject" in found else None,
                traceparent=found["traceparent"].decode() if "traceparent" in found else None,
                maybe_repeated=MAYBE_REPEATED in found,
            )
        except (KeyError, UnicodeDecodeError) as error:
            raise MalformedEvent(f"the message is no CloudEvent: {error}") from error


class MalformedEvent(ValueError):
    """A message lacks an attribute that CloudEvents requires."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message on its way to a topic. A `None` value is a tombstone of a compacted topic."""

    topic: str
    key: bytes
    value: bytes | None
    headers: HeaderList = field(default_factory=tuple)
