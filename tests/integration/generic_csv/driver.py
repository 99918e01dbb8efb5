"""Reading a connector's streams as the engine does, and collecting what comes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edurelay.model import Entity
from edurelay_connector_runner.sdk import Connector, Cursor, OutboundRecord, Page, Rejection
from edurelay_connector_runner.sdk.reading import reading


@dataclass
class Collected:
    """What a stream gave: each entity under its id, the rejections, and the cursor behind each page."""

    entities: dict[str, Entity] = field(default_factory=dict)
    records: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    cursors: list[Cursor] = field(default_factory=list)
    complete: bool = False

    def add(self, connector: Connector, stream: str, page: Page) -> None:
        """Take a page."""
        for record in page.records:
            key, entity = connector.convert(stream, record.raw)
            self.entities[key] = entity
        self.records += len(page.records)
        self.rejected += page.rejected
        self.cursors.append(page.cursor)
        self.complete = page.complete


async def collect(
    connector: Connector, stream: str, cursor: Cursor | None = None, *, pages: int | None = None
) -> Collected:
    """Read a stream to its end, or so many pages of it."""
    collected = Collected()
    async with reading(connector, stream, cursor) as read:
        async for page in read:
            collected.add(connector, stream, page)
            if len(collected.cursors) == pages:
                break
    return collected


async def outbound(entities: Sequence[tuple[str, Entity]]) -> AsyncIterator[OutboundRecord]:
    """Give entities as the engine does."""
    for number, (key, entity) in enumerate(entities):
        yield OutboundRecord(f"inside-{number}", key, entity.model_dump())


def files_in(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
