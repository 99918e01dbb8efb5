"""When a call is tried again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edurelay_client.retries import RetryPolicy, retry_after_seconds

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_pauses_grow_and_have_an_end() -> None:
    policy = RetryPolicy(attempts=10, seconds=1000)
    pauses = [policy.pause(attempt, 0.0) for attempt in range(1, 10)]
    assert all(pause is not None and 0.1 <= pause <= 5.0 for pause in pauses)
    assert pauses[-1] is not None
    assert pauses[-1] >= 2.5


def test_attempts_are_counted() -> None:
    assert RetryPolicy(attempts=3).pause(3, 0.0) is None


def test_no_attempt_begins_when_the_time_is_over() -> None:
    assert RetryPolicy(attempts=10, seconds=5).pause(1, 4.95) is None


def test_what_the_api_asks_for_is_honoured_in_full() -> None:
    pause = RetryPolicy(seconds=30).pause(1, 0.0, retry_after=7)
    assert pause is not None
    assert pause >= 7


def test_where_the_api_asks_for_too_much_there_is_no_further_attempt() -> None:
    assert RetryPolicy(seconds=30).pause(1, 0.0, retry_after=60) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_both_forms_of_retry_after_are_read(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds
