"""A provider in memory with switchable behaviour, and the connector for it.

Each stream is a list of rows. A fault is planted at a place (stream, index of the first row of a page) and happens
there as often as it was planted; a page can be held back until it is let go.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from edurelay.model import Course, Entity, EntityType, Student
from edurelay_connector_runner.sdk import (
    BadRecord,
    Capability,
    Change,
    CheckReport,
    Connector,
    Cursor,
    Manifest,
    OutboundRecord,
    Page,
    PushReport,
    Rejection,
    SourceRecord,
    Stream,
    Transient,
    Webhook,
)

COURSES = Stream(name="courses", entity_type=EntityType.COURSE, primary_key=("id",))
STUDENTS = Stream(name="students", entity_type=EntityType.STUDENT, primary_key=("id",), depends_on=("courses",))
CHANGES = Stream(name="changes", entity_type=EntityType.STUDENT, primary_key=("id",), cursor="row")

Row = dict[str, Any]


def rows(prefix: str, count: int) -> list[Row]:
    """Return `count` good rows."""
    return [{"id": f"{prefix}-{number}", "name": f"{prefix} {number}"} for number in range(count)]


@dataclass
class Provider:
    """The outside system, which takes `delay` seconds over a page. `reached` is set for each place once its page was
    asked for, `closed` once nobody reads any more."""

    streams: dict[str, list[Row]] = field(default_factory=dict)
    declared: Sequence[Stream] = (COURSES, STUDENTS)
    page_size: int = 10
    delay: float = 0.0
    faults: dict[tuple[str, int], list[Exception]] = field(default_factory=lambda: defaultdict(list))
    gates: dict[tuple[str, int], asyncio.Event] = field(default_factory=dict)
    reached: dict[tuple[str, int], asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    pages_read: list[tuple[str, int]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    pushed: dict[str, list[OutboundRecord]] = field(default_factory=lambda: defaultdict(list))
    push_errors: list[str] = field(default_factory=list)
    webhooks: list[Webhook] = field(default_factory=list)
    report: CheckReport | Exception = field(default_factory=lambda: CheckReport(ok=True, message="it works"))
    cured: bool = False
    fetches: bool = True

    def plant(self, stream: str, index: int, error: Exception, times: int = 1) -> None:
        """Let the page at a place fail so many times."""
        self.faults[stream, index].extend([error] * times)

    def hold(self, stream: str, index: int) -> asyncio.Event:
        """Hold back the page at a place until the event that is returned is set."""
        gate = self.gates[stream, index] = asyncio.Event()
        return gate


class Config(BaseModel):
    """What a connection to the provider is configured with."""

    model_config = ConfigDict(extra="forbid")

    school: str = "school"


class Credentials(BaseModel):
    """What it is opened with."""

    model_config = ConfigDict(extra="forbid")

    token: str = ""


class Scripted(Connector):
    """The connector. It is bound to a provider by `connector_for`."""

    manifest = Manifest(
        provider="SCRIPTED",
        title="Scripted",
        version="1",
        summary="A provider for tests",
        config_schema=Config.model_json_schema(),
        credentials_schema=Credentials.model_json_schema(),
        capabilities=frozenset({Capability.INCREMENTAL, Capability.FETCH, Capability.PUSH, Capability.WEBHOOKS}),
    )
    Config = Config
    Credentials = Credentials
    provider: Provider

    async def check(self) -> CheckReport:
        if isinstance(self.provider.report, Exception):
            raise self.provider.report
        return self.provider.report

    def streams(self) -> Sequence[Stream]:
        return self.provider.declared

    async def read(self, stream: str, cursor: Cursor | None) -> AsyncIterator[Page]:
        provider = self.provider
        provider.open += 1
        provider.most_open = max(provider.most_open, provider.open)
        try:
            start = int(cursor["row"] or 0) if cursor is not None else 0
            data = provider.streams[stream]
            for index in range(start, len(data), provider.page_size):
                yield await self._page(stream, index)
        finally:
            provider.open -= 1
            if not provider.open:
                provider.closed.set()

    async def _page(self, stream: str, index: int) -> Page:
        provider = self.provider
        provider.reached[stream, index].set()
        if (gate := provider.gates.get((stream, index))) is not None:
            await gate.wait()
        if provider.delay:
            await asyncio.sleep(provider.delay)
        if provider.faults[stream, index]:
            raise provider.faults[stream, index].pop()
        provider.pages_read.append((stream, index))
        taken = provider.streams[stream][index : index + provider.page_size]
        return Page(
            [SourceRecord(row, f"{stream}[{index + place}]") for place, row in enumerate(taken) if "line" not in row],
            {"row": index + len(taken)},
            rejected=[
                Rejection(
                    "the line cannot be read", line=row["line"], raw=row.get("raw"), whole=row.get("whole", False)
                )
                for row in taken
                if "line" in row
            ],
            expected=len(provider.streams[stream]),
        )

    def convert(self, stream: str, raw: Any) -> tuple[str, Entity]:
        if raw.get("bad") and not self.provider.cured:
            raise BadRecord("the record is bad", field="bad")
        if raw.get("crash"):
            raise KeyError("crash")
        extra = {name: value for name, value in raw.items() if name not in {"id", "name", "bad"}}
        kind = Course if stream == COURSES.name else Student
        return raw["id"], kind(name=raw["name"], extra=extra)

    async def fetch(self, stream: str, keys: Sequence[str]) -> Sequence[SourceRecord]:
        if self.provider.faults[stream, -1]:
            raise self.provider.faults[stream, -1].pop()
        return [SourceRecord(row) for row in self.provider.streams[stream] if row["id"] in keys]

    async def push(self, stream: str, records: AsyncIterator[OutboundRecord]) -> PushReport:
        if self.provider.faults[stream, -1]:
            raise self.provider.faults[stream, -1].pop()
        self.provider.pushed[stream] = [record async for record in records]
        return PushReport(len(self.provider.pushed[stream]), self.provider.push_errors)

    def parse_webhook(self, webhook: Webhook) -> Sequence[Change]:
        self.provider.webhooks.append(webhook)
        stream, separator, told = webhook.body.decode().partition(":")
        if not separator:
            raise BadRecord("the body names no stream")
        if told.startswith("["):
            return [Change(stream, records=[SourceRecord(row) for row in orjson.loads(told)])]
        return [Change(stream, told.split(","))]


def connector_for(provider: Provider) -> type[Connector]:
    """Return the connector class for one provider."""
    able = Scripted.manifest.capabilities - (frozenset() if provider.fetches else {Capability.FETCH})
    manifest = Scripted.manifest.model_copy(update={"capabilities": able})
    return type("ScriptedFor", (Scripted,), {"provider": provider, "manifest": manifest})


def unavailable() -> Transient:
    """Return the fault of a provider that fails in passing."""
    return Transient("the provider answered 503")
