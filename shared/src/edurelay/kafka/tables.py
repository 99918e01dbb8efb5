"""A compacted topic as a dictionary that is always up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Generic, Self, TypeVar

from edurelay.events.topics import Topic
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.kafka.handler import Received
from edurelay.kafka.reader import Reader
from edurelay.runtime.logging import get_logger

T = TypeVar("T")

_log = get_logger(__name__)

#: How long the start waits without any progress before it says that Kafka is not there.
_STALLED_SECONDS = 30.0

_POLL_SECONDS = 1.0

#: How long it may take to catch up with what is there now, and how often it is looked whether that is so, in seconds.
_CATCH_UP_SECONDS, _LOOK_SECONDS = 5.0, 0.02


class CompactedTable(Generic[T]):
    """The latest value of each key. The start returns once it has read all that was there when it began.

    `on_change` gets every key with its value when the start is through, and from then on each change, `None` for a
    deletion. A value that `decode` refuses is logged, and leaves the key as it was.
    """

    def __init__(
        self,
        bootstrap: str,
        topic: Topic,
        decode: Callable[[bytes], T],
        *,
        on_change: Callable[[str, T | None], None] | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._decode = decode
        self._on_change = on_change
        self._values: dict[str, T] = {}
        self._unreadable: set[str] = set()
        self._waiting: dict[str, list[tuple[Callable[[T | None], bool], asyncio.Future[T | None]]]] = {}

    async def __aenter__(self) -> Self:
        """Read the topic to its end. Raises `KafkaUnavailable`."""
        self._reader = Reader(self._bootstrap, self._topic)
        await self._reader.start()
        try:
            await self._read_all()
        except BaseException:
            await self._reader.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading; the values stay as they are."""
        await self._reader.stop()

    async def run(self) -> None:
        """Follow the topic for ever."""
        while True:
            try:
                found = await self._reader.poll(_POLL_SECONDS)
            except KafkaUnavailable as error:
                _log.warning("the table is not up to date", topic=self._topic.name, reason=str(error))
                await asyncio.sleep(_POLL_SECONDS)
                continue
            for messages in found.values():
                for received in messages:
                    self._apply(received, self._tell)

    def get(self, key: str) -> T | None:
        """Return the value of `key`, if it has one."""
        return self._values.get(key)

    def unreadable(self, key: str) -> bool:
        """Return True if the latest value of `key` is one that `decode` refused."""
        return key in self._unreadable

    async def catch_up(self) -> None:
        """Return once `run` has read everything that is in the topic by now. Raises `KafkaUnavailable`."""
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                ends = await self._reader.ends()
                while not await self._reader.reached(ends):  # noqa: ASYNC110 - it also passes what is no message
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            raise KafkaUnavailable(f"{self._topic.name} could not be read to its end") from error

    def values(self) -> Iterable[T]:
        """Return all values, in the order in which their keys first appeared."""
        return self._values.values()

    async def wait_for(self, key: str, accept: Callable[[T | None], bool], timeout: float) -> T | None:
        """Return the value of `key` as soon as it is one that `accept` takes. Raises `TimeoutError`."""
        value = self._values.get(key)
        if accept(value):
            return value
        future: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        waiter = (accept, future)
        self._waiting.setdefault(key, []).append(waiter)
        try:
            async with asyncio.timeout(timeout):
                return await future
        finally:
            self._waiting[key].remove(waiter)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _read_all(self) -> None:
        self._reader.seek(await self._reader.beginnings())
        ends = await self._reader.ends()
        loop = asyncio.get_running_loop()
        progress = loop.time()
        while not await self._reader.reached(ends):
            found = await self._reader.poll(_POLL_SECONDS)
            for messages in found.values():
                for received in messages:
                    self._apply(received, None)
            if found:
                progress = loop.time()
            elif loop.time() - progress > _STALLED_SECONDS:
                raise KafkaUnavailable(f"{self._topic.name} could not be read to its end")
        for key, value in self._values.items():
            self._tell(key, value)

    def _apply(self, received: Received, tell: Callable[[str, T | None], None] | None) -> None:
        key = received.key.decode(errors="replace")
        self._unreadable.discard(key)
        if received.value is None:
            self._values.pop(key, None)
        else:
            try:
                self._values[key] = self._decode(received.value)
            except ValueError as error:
                _log.error(
                    "a value cannot be read, and the one before stays",
                    topic=received.topic,
                    partition=received.partition,
                    offset=received.offset,
                    key=key,
                    reason=str(error),
                )
                self._unreadable.add(key)
                return
        if tell is not None:
            tell(key, self._values.get(key))

    def _tell(self, key: str, value: T | None) -> None:
        if self._on_change is not None:
            self._on_change(key, value)
        for accept, future in self._waiting.get(key, ()):
            if not future.done() and accept(value):
                future.set_result(value)
