"""Which outside ids stand for ours: asked at the mapping service, many at a time, and remembered for a short while."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pydantic import BaseModel

from edurelay.runtime.together import together
from edurelay.web.internal import InternalClient, internal_path
from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher.foreign_ids import OurId

#: How long a question waits for company, in seconds; how many ids are asked for at once, and how often side by side.
LINGER = 0.005
AT_ONCE = 200
SIDE_BY_SIDE = 4
#: How long an answer is remembered, in seconds: an id that was not there may be any moment.
KNOWN_SECONDS = 60.0
UNKNOWN_SECONDS = 2.0
REMEMBERED = 50_000
#: No id of ours is longer.
LONGEST = 64


class MappingAway(Exception):
    """The mapping service does not answer at the moment."""


class _Answer(BaseModel):
    external_ids: list[str | None]


@dataclass(slots=True)
class _Batch:
    wanted: set[OurId]
    answered: asyncio.Task[dict[OurId, str | None]] = field(init=False)


class ExternalIds:
    """Looks ids up. Questions about one connection that come together are asked together."""

    def __init__(self, mapping: InternalClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._mapping = mapping
        self._clock = clock
        self._batches: dict[tuple[str, str], _Batch] = {}
        self._turns = asyncio.Semaphore(SIDE_BY_SIDE)
        #: By tenant and connection: an answer and the monotonic moment until which it holds.
        self._memory: defaultdict[tuple[str, str], dict[OurId, tuple[str | None, float]]] = defaultdict(dict)
        self._remembered = 0

    async def find(self, tenant: str, connection: str, wanted: Collection[OurId]) -> dict[OurId, str]:
        """Return the outside ids that there are. Raises `MappingAway`."""
        place, now = (tenant, connection), self._clock()
        memory = self._memory.get(place, {})
        found = {each: memory[each][0] for each in wanted if each in memory and memory[each][1] > now}
        unknown = {each for each in wanted if each not in found and _possible(each[1])}
        if unknown:
            answer = await self._asked(place, unknown)
            found |= {each: answer[each] for each in unknown}
        return {each: external for each, external in found.items() if external is not None}

    async def _asked(self, place: tuple[str, str], unknown: set[OurId]) -> dict[OurId, str | None]:
        batch = self._batches.get(place)
        if batch is None:
            batch = self._batches[place] = _Batch(set())
            batch.answered = asyncio.create_task(self._ask(place, batch))
        batch.wanted |= unknown
        return await asyncio.shield(batch.answered)

    async def _ask(self, place: tuple[str, str], batch: _Batch) -> dict[OurId, str | None]:
        await asyncio.sleep(LINGER)
        del self._batches[place]
        wanted = sorted(batch.wanted)
        parts = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
        answers = await together(*(self._ask_part(place, part) for part in parts))
        answer = {each: external for part in answers for each, external in part.items()}
        self._remember(place, answer)
        return answer

    async def _ask_part(self, place: tuple[str, str], wanted: list[OurId]) -> dict[OurId, str | None]:
        tenant, connection = place
        ids = [{"entity_type": kind.value, "internal_id": inside} for kind, inside in wanted]
        body = {"connection_id": connection, "ids": ids}
        async with self._turns:
            try:
                path = internal_path("tenants", tenant, "mappings", "external-ids")
                answer = await self._mapping.post(path, body, _Answer)
            except Problem as problem:
                # What is asked is right, so a refusal is as good as no answer.
                raise MappingAway(f"{problem.status} {problem.code}") from problem
        if len(answer.external_ids) != len(wanted):
            raise MappingAway("it answered another question")
        return dict(zip(wanted, answer.external_ids, strict=True))

    def _remember(self, place: tuple[str, str], answer: dict[OurId, str | None]) -> None:
        self._remembered += len(answer)
        if self._remembered > REMEMBERED:
            self._memory.clear()
            self._remembered = len(answer)
        now = self._clock()
        self._memory[place] |= {
            each: (external, now + (UNKNOWN_SECONDS if external is None else KNOWN_SECONDS))
            for each, external in answer.items()
        }


def _possible(text: str) -> bool:
    return 0 < len(text) <= LONGEST and "/" not in text and text.isprintable()
