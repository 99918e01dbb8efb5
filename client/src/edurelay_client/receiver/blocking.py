"""Receiving in threads: what Flask and every other WSGI framework need."""

from __future__ import annotations

import atexit
import inspect
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import BinaryIO, TypeVar

from edurelay_client.receiver.answers import Answer, Refused
from edurelay_client.receiver.base import BaseReceiver, is_new, no_room
from edurelay_client.receiver.desk import lowered
from edurelay_client.receiver.event import WebhookEvent

T = TypeVar("T")

_log = logging.getLogger(__name__)

_CHUNK = 64 * 1024


class BlockingReceiver(BaseReceiver[Callable[[WebhookEvent], None], queue.Queue[WebhookEvent]]):
    """A receiver whose `handle` is a plain function. Safe to be used by many threads.

    With `background`, one thread of the process handles what waits; it ends with the process, or by `close`.
    """

    _worker: threading.Thread | None = None

    def _new_queue(self, most: int) -> queue.Queue[WebhookEvent]:
        self._starting = threading.Lock()
        return queue.Queue(most)

    def receive(self, headers: Mapping[str, str], body: BinaryIO) -> Answer:
        """Take one request and return what to answer."""
        found = lowered(headers)
        try:
            self._desk.admit(found)
            self._take(self._desk.open(found, self._read(body)))
        except Refused as refused:
            self._discard(body)
            return refused.answer()
        return Answer()

    def close(self) -> None:
        """Take nothing more, and let what waits in the background be handled."""
        self._closing = True
        if self._worker is None or self._waiting is None:
            return
        deadline = time.monotonic() + self._drain_seconds
        while self._waiting.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.01)
        if self._waiting.unfinished_tasks:
            _log.error("%d events were not handled before the end", self._waiting.unfinished_tasks)

    def _read(self, stream: BinaryIO) -> bytes:
        body = bytearray()
        while chunk := stream.read(_CHUNK):
            body += chunk
            if len(body) > self._desk.max_bytes:
                raise self._desk.too_large()
        return bytes(body)

    def _discard(self, stream: BinaryIO) -> None:
        """Read the rest of what is refused, as far as `Desk` says."""
        left = self._desk.max_bytes
        while left >= 0 and (chunk := stream.read(_CHUNK)):
            left -= len(chunk)

    def _take(self, event: WebhookEvent) -> None:
        if not is_new(_settled(self._seen.claim(event.key))):
            return
        if self._waiting is None:
            self._work_on(event)
        elif self._closing or not self._offered(self._waiting, event):
            _settled(self._seen.release(event.key))
            raise no_room()

    def _offered(self, waiting: queue.Queue[WebhookEvent], event: WebhookEvent) -> bool:
        try:
            waiting.put_nowait(event)
        except queue.Full:
            return False
        with self._starting:
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, args=(waiting,), name="webhooks", daemon=True)
                self._worker.start()
                atexit.register(self.close)
        return True

    def _work_on(self, event: WebhookEvent) -> None:
        try:
            _settled(self._handle(event))
        except BaseException:
            _settled(self._seen.release(event.key))
            raise
        _settled(self._seen.keep(event.key))

    def _work(self, waiting: queue.Queue[WebhookEvent]) -> None:
        while True:
            event = waiting.get()
            try:
                self._work_on(event)
            except Exception:
                # The sender has its answer already: whoever runs the receiver has to hear of it here.
                _log.exception("the event %s (%s) was not handled", event.id, event.type)
            finally:
                waiting.task_done()


def _settled(result: T | Awaitable[T]) -> T:
    """Return what a handler or a memory of keys returned. Raises `TypeError` for a coroutine: nobody awaits it here."""
    if inspect.iscoroutine(result):
        result.close()
    if isinstance(result, Awaitable):
        raise TypeError("here, a handler and a memory of keys are plain functions, not coroutines")
    return result
