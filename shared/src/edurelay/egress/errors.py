"""What can come of an outbound request but an answer. No message holds an address, a header or a part of a body, so
each may be shown to the tenant whose request it was; what an operator needs beyond it is in the attributes."""

from __future__ import annotations

from edurelay.egress.phases import Phases


class EgressError(Exception):
    """The request brought no answer. `sent` tells whether any byte of it may have reached the other side, `phases`
    where the time went; the last of them is the one that did not end."""

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.phases: Phases = {}


class UrlRefused(EgressError):
    """The URL is not one that may be called; `reason` says why, in words for whoever gave it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AddressRefused(EgressError):
    """The host has no address that may be reached from here. `address` is the last one refused, `why` its kind."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__("the host's address may not be reached from here")
        self.address = address
        self.why = why


class EgressTimeout(EgressError):
    """There was no whole answer in time."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("no whole answer came in time" if sent else "no connection was made in time", sent=sent)


class EgressFailed(EgressError):
    """The exchange broke. `reason` is one of `dns`, `connect`, `tls`, `disconnected`, `protocol` and `request`."""

    _MESSAGES = {
        "dns": "the host's name could not be resolved",
        "connect": "the host did not take the connection",
        "tls": "no trusted TLS connection was made",
        "disconnected": "the connection was cut before a whole answer came",
        "protocol": "the answer was not HTTP that could be understood",
        "request": "the request has a header or method that HTTP does not allow",
    }

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(self._MESSAGES[reason], sent=sent)
        self.reason = reason
