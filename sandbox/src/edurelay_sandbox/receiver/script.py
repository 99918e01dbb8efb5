"""What a receiver does with a request, as data: one step after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Read:
    """Read the request's body. Before this step only the head has been read."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send `data`, `times` over (None: without end), with `every` seconds behind each."""

    data: bytes
    times: int | None = 1
    every: float = 0.0


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing for `seconds` (None: until the other side leaves)."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the connection, or, with `reset`, break it off so that the other side is told of an error."""

    reset: bool = False


Step: TypeAlias = Read | Send | Hang | HangUp
#: The steps of one answer. The connection is kept for the next request unless a step closes it.
Script: TypeAlias = tuple[Step, ...]


def answer(
    status: str | int = "200 OK", body: bytes = b"", *, headers: Mapping[str, str] | None = None, after: float = 0.0
) -> Script:
    """Read the request and answer with a body of known length, `after` some seconds."""
    line = f"{status} Status" if isinstance(status, int) else status
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    if line.startswith("204"):
        del fields["Content-Length"]
    head = f"HTTP/1.1 {line}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return (Read(), Hang(after), Send(f"{head}\r\n".encode() + body))
