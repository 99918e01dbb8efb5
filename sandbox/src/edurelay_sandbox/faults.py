"""Faults that can be switched on: what goes wrong, for which function, and for how many requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """What goes wrong.

    `slow` answers after `seconds`; `status` answers with `status` and perhaps `retry_after`; `error` is an error
    with `errorcode` in a 200; `broken_json` ends in the middle; `html` is a page where JSON was asked for; `cut`
    closes the connection in the middle of the body; `expired_token` lets the token expire; `maintenance` is told in
    a 200; `switched_off` is an empty 403; `redirect` sends to another address; `unready` lets no course be entered;
    `drift` makes lists look as if `shift` people had left from their front while they are read in pages.
    """

    SLOW = "slow"
    STATUS = "status"
    ERROR = "error"
    BROKEN_JSON = "broken_json"
    HTML = "html"
    CUT = "cut"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105
    MAINTENANCE = "maintenance"
    SWITCHED_OFF = "switched_off"
    REDIRECT = "redirect"
    UNREADY = "unready"
    DRIFT = "drift"


@dataclass(slots=True)
class Fault:
    """One fault. `requests` is how many more requests it hits, None for all; `function` None hits every one.
    `after` is how many matching requests it lets pass first."""

    kind: FaultKind
    function: str | None = None
    requests: int | None = 1
    after: int = 0
    seconds: float = 1.0
    status: int = 500
    retry_after: str | None = None
    errorcode: str | None = "codingerror"
    exception: str = "core\\exception\\moodle_exception"
    message: str = "Something went wrong"
    location: str = "https://moodle.example/webservice/rest/server.php"
    shift: int = 1

    @classmethod
    def parse(cls, document: object) -> Fault:
        """Read a fault out of JSON. Raises `ValueError`."""
        if not isinstance(document, Mapping) or not document.keys() <= {field.name for field in fields(cls)}:
            raise ValueError(f"a fault has these members: {', '.join(field.name for field in fields(cls))}")
        for name, value in document.items():
            if value is not None and not isinstance(value, _TYPES.get(name, str)):
                raise ValueError(f"{name} has the wrong type")
        return cls(**{**document, "kind": FaultKind(document.get("kind", ""))})

    def document(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        return asdict(self)


_TYPES: dict[str, type | tuple[type, ...]] = {
    "requests": int,
    "after": int,
    "seconds": (int, float),
    "status": int,
    "shift": int,
}


class Faults:
    """The faults that are switched on, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Switch all faults off."""
        self._faults.clear()

    def active(self) -> Iterable[Fault]:
        """Return the faults that are switched on."""
        return tuple(self._faults)

    def take(self, function: str) -> dict[FaultKind, Fault]:
        """Return the faults that hit a request for this function, the oldest of each kind, and count it."""
        hit: dict[FaultKind, Fault] = {}
        for fault in self.active():
            if fault.function not in (None, function) or fault.kind in hit:
                continue
            if fault.after:
                fault.after -= 1
                continue
            hit[fault.kind] = fault
            if fault.requests is not None:
                fault.requests -= 1
                if fault.requests <= 0:
                    self._faults.remove(fault)
        return hit
