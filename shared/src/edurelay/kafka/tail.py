"""Follows a topic from its end, in every process that asks: for news that only matters to whoever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from edurelay.events.topics import Topic
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.handler import Received
from edurelay.kafka.reader import Reader
from edurelay.runtime.logging import get_logger

_log = get_logger(__name__)

_POLL_SECONDS = 1.0


class Tail:
    """Calls `receive` with every message that comes after the start."""

    def __init__(self, bootstrap: str, topic: Topic, receive: Callable[[Received], None]) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._receive = receive

    async def __aenter__(self) -> Self:
        """Find the end: what is sent after this returns will be received. Raises `KafkaUnavailable`."""
        self._reader = Reader(self._bootstrap, self._topic)
        await self._reader.start()
        try:
            self._reader.seek(await self._reader.ends())
        except BaseException:
            await self._reader.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop following."""
        await self._reader.stop()

    async def run(self) -> None:
        """Follow the topic for ever; after an outage it goes on where it was."""
        while True:
            try:
                found = await self._reader.poll(_POLL_SECONDS)
            except KafkaUnavailable as error:
                _log.warning("the tail waits", topic=self._topic.name, reason=str(error))
                await asyncio.sleep(_POLL_SECONDS)
                continue
            for messages in found.values():
                for received in messages:
                    self._receive(received)
