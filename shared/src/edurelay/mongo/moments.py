"""The database's own clock, so that the clocks of the replicas need not agree.

Moments are compared as whole milliseconds since 1970, which every server of the protocol compares alike.
"""

from __future__ import annotations

from typing import Any, Final

#: The present moment, for use in pipelines and `$expr`.
NOW: Final[dict[str, Any]] = {"$toLong": "$$NOW"}


def later(seconds: float) -> dict[str, Any]:
    """Return the moment that is `seconds` from now, for use in pipelines and `$expr`."""
    return {"$add": [NOW, round(seconds * 1000)]}


def has_passed(field: str) -> dict[str, Any]:
    """Return whether the moment in `field` has passed, or is not there, for use in pipelines and `$expr`."""
    return {"$lte": [{"$ifNull": [f"${field}", 0]}, NOW]}
