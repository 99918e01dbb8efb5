"""Moments and stretches of time as people write them. Pure."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_STRETCH = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def stretch(text: str) -> timedelta:
    """Return `90s`, `2h`, `1d12h` as a stretch of time. Raises `ArgumentTypeError`."""
    if not _STRETCH.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is no stretch of time such as 90s, 15m, 2h or 1d12h")
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
    except OverflowError:
        raise ArgumentTypeError(f"{text!r} is too long") from None


def moment(text: str, now: datetime | None = None) -> datetime:
    """Return `now`, a time ago such as `2h`, or an ISO 8601 moment, which is in UTC unless it says otherwise.

    Raises `ArgumentTypeError`.
    """
    present = now or datetime.now(UTC)
    if text == "now":
        return present
    try:
        if _STRETCH.fullmatch(text):
            return present - stretch(text)
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            f"{text!r} is no moment: write how long ago it was (2h, 1d12h), now, or 2026-01-31T08:15:00Z"
        ) from None
