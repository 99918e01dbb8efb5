"""W3C trace context: who caused what, carried through HTTP headers and Kafka headers as one `traceparent` text."""

from __future__ import annotations

import random
from contextvars import ContextVar

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)

_HEX = frozenset("0123456789abcdef")


def current_traceparent() -> str | None:
    """Return the `traceparent` of what is being done now, to be sent along with everything that it causes."""
    return _current.get()


def current_trace_id() -> str | None:
    """Return the 32 hex digits that all steps of the present trace share."""
    traceparent = _current.get()
    return traceparent[3:35] if traceparent is not None else None


class continue_trace:  # noqa: N801  a context manager is named like what it does
    """Do what follows as a new span of the given trace, or of a new one where `traceparent` is missing or malformed.

    Yields the `traceparent` of the new span.
    """

    __slots__ = ("_previous", "_traceparent")

    def __init__(self, traceparent: str | None) -> None:
        chance = f"{random.getrandbits(192):048x}"
        if traceparent is not None and _well_formed(traceparent):
            self._traceparent = f"00-{traceparent[3:35]}-{chance[32:]}-{traceparent[53:55]}"
        else:
            self._traceparent = f"00-{chance[:32]}-{chance[32:]}-01"

    def __enter__(self) -> str:
        self._previous = _current.set(self._traceparent)
        return self._traceparent

    def __exit__(self, *_: object) -> None:
        _current.reset(self._previous)


def _well_formed(text: str) -> bool:
    """Tell whether `text` is a `traceparent` that may be continued (W3C Trace Context, section 3.2.2)."""
    if len(text) < 55 or text[2] != "-" or text[35] != "-" or text[52] != "-":
        return False
    version, trace, span, flags = text[:2], text[3:35], text[36:52], text[53:55]
    if version == "ff" or (version == "00" and len(text) != 55) or (len(text) > 55 and text[55] != "-"):
        return False
    return _HEX.issuperset(version + trace + span + flags) and trace.strip("0") != "" and span.strip("0") != ""
