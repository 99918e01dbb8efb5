"""How an arrival is told. Pure."""

from __future__ import annotations

import json
from typing import Any

from edurelay_cli.api.showing import cell, pretty, printable
from edurelay_cli.listening.catcher import Arrival


def line(arrival: Arrival, subject: str | None) -> str:
    """Return an arrival as people read it."""
    event = arrival.event
    parts = [f"{arrival.at:%H:%M:%S}", cell(event.type if event else None), cell(event.id if event else None)]
    parts += [cell(subject), "verified" if arrival.doubt is None else f"NOT VERIFIED: {printable(arrival.doubt)}"]
    if arrival.again:
        parts.append("again")
    if arrival.forwarded is not None:
        told = arrival.forwarded.error or f"answered {arrival.forwarded.status}"
        parts.append(f"{printable(told)} ({arrival.forwarded.milliseconds} ms)")
    return "  ".join(parts)


def body(arrival: Arrival) -> str:
    """Return the body as people read it."""
    try:
        return pretty(json.loads(arrival.body))
    except ValueError:
        return printable(arrival.body.decode(errors="replace"))


def document(arrival: Arrival, subject: str | None, *, with_body: bool) -> dict[str, Any]:
    """Return an arrival for scripts."""
    event, forwarded = arrival.event, arrival.forwarded
    found: dict[str, Any] = {
        "at": arrival.at.isoformat(timespec="milliseconds"),
        "type": event.type if event else None,
        "id": event.id if event else None,
        "subject": subject,
        "verified": arrival.doubt is None,
        "doubt": arrival.doubt,
        "again": arrival.again,
        "status": arrival.status,
        "forwarded": {"status": forwarded.status, "ms": forwarded.milliseconds, "error": forwarded.error}
        if forwarded
        else None,
    }
    if with_body:
        found["body"] = arrival.body.decode(errors="replace")
    return found
