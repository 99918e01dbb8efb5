"""A client that publishes on and on, and keeps the books that the system is held against."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

TYPE = "custom.event"
#: The pause behind each event, in seconds: something is always under way, and it is nothing beside the sync.
PAUSE = 0.04


@dataclass
class Publisher:
    """The ids that were `asked` for and those that were `accepted` with 202; of the others nobody knows.

    `answers` counts the statuses, 0 where there was no answer, and `without_retry_after` the 503s that do not say when
    to come again.
    """

    asked: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _workers: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, session: aiohttp.ClientSession, workers: int = 2) -> None:
        """Begin to publish in the background, events of one subject one after the other."""
        for worker in range(workers):
            self._workers.append(asyncio.create_task(self._publish(session, f"subject-{worker}")))

    async def stop(self) -> None:
        """Publish nothing more, and return when all that was sent has been answered or given up."""
        self._over.set()
        await asyncio.gather(*self._workers)

    async def _publish(self, session: aiohttp.ClientSession, subject: str) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            event_id = f"{subject}-{number}"
            self.asked.add(event_id)
            status = await self._try(
                session, {"id": event_id, "type": TYPE, "subject": subject, "data": {"number": number}}
            )
            self.answers[status] += 1
            if status == 202:
                self.accepted.add(event_id)
            await asyncio.sleep(PAUSE)

    async def _try(self, session: aiohttp.ClientSession, event: dict[str, object]) -> int:
        """Publish an event, once; return the status of the answer, 0 where there was none."""
        try:
            async with session.post("/v1/events", json=event) as answer:
                self.without_retry_after += answer.status == 503 and "Retry-After" not in answer.headers
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0


@asynccontextmanager
async def publishing(gateway: str, api_key: str) -> AsyncIterator[Publisher]:
    """Publish in the background, at the latest until the end of the context."""
    headers = {"Authorization": f"Bearer {api_key}"}
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(gateway, headers=headers, timeout=timeout) as session:
        publisher = Publisher()
        publisher.start(session)
        try:
            yield publisher
        finally:
            await publisher.stop()
