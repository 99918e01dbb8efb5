"""Moments as the documents write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.envelope import now, timestamp, unix_timestamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(0, 4_102_444_800_000))
def test_a_unix_time_is_written_like_the_moment_that_it_is(milliseconds: int) -> None:
    assert unix_timestamp(milliseconds / 1000) == timestamp(EPOCH + timedelta(milliseconds=milliseconds))


def test_now_is_now() -> None:
    before = timestamp(datetime.now(UTC) - timedelta(milliseconds=2))
    present = now()
    assert before < present < timestamp(datetime.now(UTC) + timedelta(milliseconds=2))


def test_milliseconds_are_cut_and_not_rounded_and_every_zone_becomes_utc() -> None:
    moment = datetime.fromisoformat("2026-01-15T11:30:00.999999+01:00")
    assert timestamp(moment) == "2026-01-15T10:30:00.999Z"
