"""Moments as people write them."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta, timezone

import pytest

from edurelay_cli.api.moments import moment, stretch

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("now", NOW),
        ("2h", NOW - timedelta(hours=2)),
        ("1d12h", NOW - timedelta(hours=36)),
        ("90s", NOW - timedelta(seconds=90)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:15:00", datetime(2026, 1, 31, 8, 15, tzinfo=UTC)),
        ("2026-01-31T08:15:00Z", datetime(2026, 1, 31, 8, 15, tzinfo=UTC)),
        ("2026-01-31T08:15:00+05:30", datetime(2026, 1, 31, 8, 15, tzinfo=timezone(timedelta(hours=5.5)))),
    ],
)
def test_a_moment_is_a_time_ago_or_a_date(text: str, found: datetime) -> None:
    assert moment(text, NOW) == found


@pytest.mark.parametrize("text", ["", "2", "h", "yesterday", "-2h", "2h ago", "2026-13-01", "9999999w", "1y"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="2h"):
        moment(text, NOW)


def test_a_stretch_has_units() -> None:
    assert stretch("1w2d3h4m5s") == timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)
    for text in ("5", "", "2 h", "99999999999999w"):
        with pytest.raises(ArgumentTypeError):
            stretch(text)
