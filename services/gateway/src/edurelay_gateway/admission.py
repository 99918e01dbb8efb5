"""How much may wait for Kafka at a time. What comes beyond is refused at once, instead of piling up in memory."""

from __future__ import annotations

from types import TracebackType

from edurelay_gateway.errors import Overloaded


class Admission:
    """Counts what is under way: at most `messages` messages and `size` bytes at a time, over all tenants."""

    def __init__(self, *, messages: int, size: int) -> None:
        self._messages = messages
        self._size = size

    def admit(self, messages: int, size: int) -> Admitted:
        """Take in `messages` of together `size` bytes for as long as the context that is returned is open. Raises
        `Overloaded` where it is entered and there is no room."""
        return Admitted(self, messages, size)

    def take(self, messages: int, size: int) -> None:
        """Take room. Raises `Overloaded`."""
        if self._messages < messages or self._size < size:
            raise Overloaded
        self._messages -= messages
        self._size -= size

    def give_back(self, messages: int, size: int) -> None:
        """Make room again."""
        self._messages += messages
        self._size += size


class Admitted:
    """Room that is taken while the context is open. A class, since a generator costs this hot path three times as
    much."""

    __slots__ = ("_admission", "_messages", "_size")

    def __init__(self, admission: Admission, messages: int, size: int) -> None:
        self._admission = admission
        self._messages = messages
        self._size = size

    def __enter__(self) -> None:
        self._admission.take(self._messages, self._size)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.give_back(self._messages, self._size)
