"""A small, faithful stand-in for the mapping service: it takes batches from the records topic, keeps what they say,
and answers over the same internal HTTP. It can be held back, and it can be away.

What it promises is what `edurelay_connector_runner.mapping.Mapping` describes: a batch has one outcome however often
it comes, records read under an older epoch than the last change of their entity change nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from edurelay.kafka.handler import Received
from edurelay.messages.records import RecordBatch, batch_id, decode
from edurelay.web.operation import Answer, Call, operation
from edurelay.web.problems import Problem


class SegmentBody(BaseModel):
    """Batches 1 to `through` of an epoch."""

    epoch: int
    through: int


class OutcomesBody(BaseModel):
    """What outcomes are asked for; the mapping service takes no more segments at once."""

    segments: list[SegmentBody] = Field(max_length=1000)


class ResolvedBody(BaseModel):
    """Which rejected records were tried again, by which run."""

    ids: list[str]
    run_id: str


class PageQuery(BaseModel):
    """A part of a list."""

    connection: str | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass
class Entity:
    """One canonical record, and the epoch under which it was last changed."""

    attributes: dict[str, Any]
    epoch: int


@dataclass
class MappingStandIn:
    """Entities by (tenant, connection, type, external id), and the outcome of each batch.

    The topic is shared with other tests, of which something may still be under way: only one tenant's batches are
    taken.
    """

    tenant: str
    entities: dict[tuple[str, str, str, str], Entity] = field(default_factory=dict)
    outcomes: dict[str, tuple[RecordBatch, Counter[str]]] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    held: list[RecordBatch] = field(default_factory=list)
    holding: bool = False
    away: bool = False
    asked: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, received: Received) -> None:
        """Take one message of the records topic."""
        batch = decode(received.value or b"")
        if batch["tenant"] != self.tenant:
            return
        if self.holding:
            self.held.append(batch)
        else:
            self._map(batch)
        self._arrived.set()

    def let_go(self) -> None:
        """Map what was held back."""
        self.holding = False
        for batch in self.held:
            self._map(batch)
        self.held.clear()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until messages and questions have made a condition true."""
        async with asyncio.timeout(60):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

    async def until_asked(self, times: int) -> None:
        """Wait until so many questions were asked altogether."""
        await self.until(lambda: self.asked >= times)

    def external_ids(self, connection: str, entity_type: str) -> set[str]:
        """Return the external ids that are known of one kind."""
        return {key[3] for key in self.entities if key[1:3] == (connection, entity_type)}

    def _map(self, batch: RecordBatch) -> None:
        if batch_id(batch) in self.outcomes:
            return
        counts: Counter[str] = Counter(source=len(batch["records"]) + len(batch["rejected"]))
        for record in batch["records"]:
            place = (batch["tenant"], batch["connection_id"], batch["entity_type"], record["external_id"])
            counts[self._outcome(place, record["attributes"], batch["epoch"])] += 1
        for number, rejected in enumerate(batch["rejected"]):
            counts["rejected"] += 1
            self.rejected.append(
                {
                    "id": f"{batch_id(batch)}#{number}",
                    "run_id": batch["run_id"],
                    "tenant": batch["tenant"],
                    "stream": batch["stream"],
                    "entity_type": batch["entity_type"],
                    "reprocessed_by": None,
                    **rejected,
                }
            )
        self.outcomes[batch_id(batch)] = batch, counts

    def _outcome(self, place: tuple[str, str, str, str], attributes: dict[str, Any], epoch: int) -> str:
        known = self.entities.get(place)
        if known is not None and (epoch < known.epoch or known.attributes == attributes):
            return "unchanged"
        self.entities[place] = Entity(attributes, epoch)
        return "created" if known is None else "updated"

    @operation(
        "POST",
        "/internal/tenants/{tenant}/runs/{run}/outcomes",
        summary="Outcomes",
        tag="runs",
        auth="internal",
        body=OutcomesBody,
        answers={200: None},
    )
    async def run_outcomes(self, call: Call[OutcomesBody, None]) -> Answer:
        """Return the counts of all known batches of a run, and how many of those asked for are missing."""
        self._answer()
        run, streams = call.path["run"], dict[str, Counter[str]]()
        for batch, counts in self.outcomes.values():
            if batch["run_id"] == run and batch["tenant"] == call.path["tenant"]:
                streams.setdefault(batch["stream"], Counter()).update(counts)
        wanted = {f"{run}:{each.epoch}:{n}" for each in call.body.segments for n in range(1, each.through + 1)}
        return Answer(body={"missing": len(wanted - self.outcomes.keys()), "streams": streams})

    @operation(
        "GET",
        "/internal/tenants/{tenant}/entities/{type}",
        summary="Entities",
        tag="entities",
        auth="internal",
        query=PageQuery,
        answers={200: None},
    )
    async def list_entities(self, call: Call[None, PageQuery]) -> Answer:
        """Return entities in the order of their external ids, references resolved."""
        self._answer()
        places = sorted(
            place
            for place in self.entities
            if place[:3] == (call.path["tenant"], call.query.connection, call.path["type"])
        )
        data = [
            {"id": f"inside-{place[3]}", "external_id": place[3], "attributes": self.entities[place].attributes}
            for place in places
        ]
        return _page(data, call.query, most=4)

    @operation(
        "GET",
        "/internal/tenants/{tenant}/runs/{run}/rejected",
        summary="Rejected records",
        tag="runs",
        auth="internal",
        query=PageQuery,
        answers={200: None},
    )
    async def list_rejected(self, call: Call[None, PageQuery]) -> Answer:
        """Return what a run rejected."""
        self._answer()
        path = call.path
        data = [each for each in self.rejected if (each["tenant"], each["run_id"]) == (path["tenant"], path["run"])]
        return _page(data, call.query, most=4)

    @operation(
        "POST",
        "/internal/tenants/{tenant}/runs/{run}/rejected/resolved",
        summary="Resolve",
        tag="runs",
        auth="internal",
        body=ResolvedBody,
        answers={204: None},
    )
    async def resolve_rejected(self, call: Call[ResolvedBody, None]) -> Answer:
        """Mark rejected records."""
        self._answer()
        for each in self.rejected:
            if each["id"] in call.body.ids and each["run_id"] == call.path["run"]:
                each["reprocessed_by"] = call.body.run_id
        return Answer(status=204)

    def _answer(self) -> None:
        self.asked += 1
        self._arrived.set()
        if self.away:
            raise Problem(503, "unavailable", "The stand-in is away.")


def _page(data: list[dict[str, Any]], query: PageQuery, *, most: int) -> Answer:
    """Return short pages, whatever was asked for, so that every reader has to turn them."""
    start, size = int(query.cursor or 0), min(query.limit, most)
    behind = start + size
    return Answer(body={"data": data[start:behind], "next_cursor": str(behind) if behind < len(data) else None})
