"""Where the time of one exchange goes: each phase begins where the one before it ends, so that together they are all
of it. A few readings of the clock, since tracing as the client library offers it costs more and does not tell the
connection from its TLS handshake."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, TypeAlias

#: Milliseconds by phase, in the order of `PHASES`, without those that did not take place: a kept connection has neither
#: `lookup` nor `connect` nor `tls`, plain HTTP no `tls`.
Phases: TypeAlias = Mapping[str, float]

#: The look-up of the name, the connection, its TLS handshake, sending, waiting for the answer's head, reading its body.
PHASES: Final = ("lookup", "connect", "tls", "send", "wait", "read")


class Stopwatch:
    """Begins when it is made; each method marks a moment of the exchange. `secure` tells that it is over TLS."""

    __slots__ = ("_answered", "_begun", "_connected", "_dialled", "_ready", "_secure", "_written", "sent")

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        #: Whether a byte of the request may have been written, to whatever connection.
        self.sent = False
        self._begun = time.perf_counter()
        self._dialled: float | None = None
        self._connected: float | None = None
        self._ready: float | None = None
        self._written: float | None = None
        self._answered: float | None = None

    def dialled(self) -> None:
        """A connection is begun to the first address; what was done over a kept one before was in vain."""
        if self._dialled is None:
            self._dialled = time.perf_counter()
            self._ready = self._written = None

    def connected(self) -> None:
        """There is a connection, without TLS as yet."""
        self._connected = time.perf_counter()

    def ready(self) -> None:
        """The request is sent now."""
        self.sent = True
        self._ready = time.perf_counter()
        self._written = None

    def written(self) -> None:
        """The request's body was handed over, if the answer did not come before its end."""
        if self._answered is None:
            self._written = time.perf_counter()

    def answered(self) -> None:
        """The answer's head is there."""
        self._answered = time.perf_counter()
        if self._written is None:
            self._written = self._answered

    def phases(self) -> dict[str, float]:
        """Return the milliseconds until now; the last phase is the one that ends now."""
        ends = {"send": self._written, "wait": self._answered, "read": None}
        if self._dialled is not None or self._ready is None:
            connecting = {"connect": self._connected, "tls": self._ready} if self._secure else {"connect": self._ready}
            ends = {"lookup": self._dialled, **connecting, **ends}
        since, now, phases = self._begun, time.perf_counter(), {}
        for phase, end in ends.items():
            phases[phase] = ((now if end is None else end) - since) * 1000
            if end is None:
                break
            since = end
        return phases
