"""How much may wait for Kafka at a time. What comes beyond is refused at once, instead of piling up in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edurelay_gateway.errors import Overloaded


class Admission:
    """Counts what is under way: at most `messages` messages and `size` bytes at a time, over all tenants."""

    def __init__(self, *, messages: int, size: int) -> None:
        self._messages = messages
        self._size = size

    @contextmanager
    def admit(self, messages: int, size: int) -> Iterator[None]:
        """Take in `messages` of together `size` bytes for as long as the context is open. Raises `Overloaded`."""
        if self._messages < messages or self._size < size:
            raise Overloaded
        self._messages -= messages
        self._size -= size
        try:
            yield
        finally:
            self._messages += messages
            self._size += size
