"""The interface of a connector: five verbs, and one pure function from a provider's record to an entity."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from edurelay.model import Entity
from edurelay_connector_runner.sdk.errors import ConfigurationError
from edurelay_connector_runner.sdk.http import HttpClient
from edurelay_connector_runner.sdk.manifest import Manifest, Stream

#: Where a stream's reading stands: a few flat scalars, 4 KiB at most, saved after each durable page.
Cursor = dict[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record as the provider gave it. `where` tells people where it stood; `line` counts from 1, in files."""

    raw: Any
    where: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something that does not count as a record, such as a line that cannot be read. `line` and `column` from 1.

    `raw` is shown to people. Only where it is `whole`, a record that `convert` may be given another time, it is tried
    again; a part of a record would otherwise overwrite the whole one.
    """

    reason: str
    where: str | None = None
    line: int | None = None
    column: int | None = None
    field: str | None = None
    raw: Any = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a stream: what it holds, and the cursor from which reading goes on behind it.

    `expected` is the provider's own count of the stream where it tells one. `complete` is True on the last page
    of a pass that provably saw every record of the stream.
    """

    records: Sequence[SourceRecord]
    cursor: Cursor
    rejected: Sequence[Rejection] = ()
    expected: int | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a test of the connection found. `problems` are sentences that say what to do."""

    ok: bool
    message: str
    problems: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook:
    """An inbound webhook: the request's headers, lower-case and without credentials, and its body as it came.

    `verified` says that its sender has proven to be the provider. Where it is False, anybody who knows the connection's
    address may have sent it: the engine takes it for a hint, and fetches what it names.
    """

    headers: Mapping[str, str]
    body: bytes
    verified: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What an inbound webhook tells: these keys of the stream changed (they are fetched), or these records, which are
    taken as they are if the webhook was verified, and fetched by their external ids if not."""

    stream: str
    keys: Sequence[str] = ()
    records: Sequence[SourceRecord] = ()


@dataclass(frozen=True, slots=True)
class PushReport:
    """What became of records that were sent to the provider."""

    sent: int
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class OutboundRecord:
    """A canonical entity on its way to the provider: both ids, and the canonical attributes."""

    internal_id: str
    external_id: str
    attributes: Mapping[str, Any]


class Files(Protocol):
    """The part of the file system that connectors may see (`EDURELAY_FILE_ROOTS`)."""

    def resolve(self, path: str) -> Path:
        """Return `path` with links followed. Raises `ConfigurationError` where it leaves the allowed roots."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a connector gets: its connection's `config` and `credentials`, and the ways out of the process."""

    config: Mapping[str, Any]
    credentials: Mapping[str, Any]
    http: HttpClient
    files: Files


class Connector(ABC):
    """One connection to a provider, from `__init__` to `close`.

    Each verb raises one of `edurelay_connector_runner.sdk.errors`. No verb sleeps, retries or logs: the engine
    does. `Config` and `Credentials` are the pydantic models behind the manifest's schemas.
    """

    manifest: ClassVar[Manifest]
    Config: ClassVar[type[BaseModel]]
    Credentials: ClassVar[type[BaseModel]]

    def __init__(self, context: Context) -> None:
        """Open nothing yet. Raises `ConfigurationError` where config or credentials do not fit their models."""
        self.context = context

    @abstractmethod
    async def check(self) -> CheckReport:
        """Find out whether the connection would work, and what is missing where it would not."""

    def streams(self) -> Sequence[Stream]:
        """Return the streams of this connection, in the order in which they have to be read."""
        return self.manifest.streams

    @abstractmethod
    def read(self, stream: str, cursor: Cursor | None) -> AsyncIterator[Page]:
        """Yield the stream in pages, from the beginning or behind the page that had this cursor. A page holds a
        few hundred records, whatever the size of the stream."""

    @abstractmethod
    def convert(self, stream: str, raw: Any) -> tuple[str, Entity]:
        """Return the external id and the entity of a record. Pure. Raises `BadRecord`."""

    async def fetch(self, stream: str, keys: Sequence[str]) -> Sequence[SourceRecord]:
        """Return the records with these external ids that the provider has."""
        raise ConfigurationError(f"{self.manifest.provider} cannot fetch single records")

    async def push(self, stream: str, records: AsyncIterator[OutboundRecord]) -> PushReport:
        """Send records to the provider. Repeating a push must not do its work twice."""
        raise ConfigurationError(f"{self.manifest.provider} cannot be written to")

    def parse_webhook(self, webhook: Webhook) -> Sequence[Change]:
        """Read an inbound webhook. Pure; raises `BadRecord` where the body makes no sense, or where it asks for more
        than a sender may that was not `verified`."""
        raise ConfigurationError(f"{self.manifest.provider} sends no webhooks")

    async def close(self) -> None:
        """Let go of what the verbs opened."""
        return
