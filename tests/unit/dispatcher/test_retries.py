"""What follows an attempt is decided by the schedule, the answer and the receiver's own wish."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.retries import Decision, Delivered, GiveUp, Retry, decide, seconds_asked
from edurelay_webhook_dispatcher.settings import DEFAULT_SCHEDULE, parse_schedule

SCHEDULE = parse_schedule(DEFAULT_SCHEDULE)
NOW = 1_800_000_000.0


def after(
    number: int,
    status: int | None,
    retry_after: str | None = None,
    *,
    wish: str | None = None,
    timed_out: bool = False,
    chance: float = 0.5,
    schedule: Sequence[float] = SCHEDULE,
) -> Decision:
    attempt = Attempt(NOW, 0.1, status=status, retry_after=retry_after, wish=wish, timed_out=timed_out)
    return decide(attempt, number=number, schedule=schedule, chance=chance, now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_delivers(status: int) -> None:
    assert after(1, status) == Delivered()


@pytest.mark.parametrize("status", [None, 301, 308, 400, 401, 404, 500, 503])
def test_everything_else_is_tried_again(status: int | None) -> None:
    assert after(1, status) == Retry(5.0)


def test_the_pauses_are_those_of_standard_webhooks() -> None:
    pauses = [decision.seconds for n in range(1, 10) if isinstance(decision := after(n, 500), Retry)]
    assert pauses == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def test_the_tenth_failure_is_the_last() -> None:
    decision = after(10, 500)
    assert isinstance(decision, GiveUp)
    assert decision.exhausted


@pytest.mark.parametrize(("status", "timed_out"), [(429, False), (502, False), (504, False), (None, True)])
@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_an_endpoint_that_gets_too_much_is_left_alone_for_a_minute_at_least(
    status: int | None, timed_out: bool, chance: float
) -> None:
    assert after(1, status, timed_out=timed_out, chance=chance) == Retry(60.0)
    assert after(2, status, timed_out=timed_out) == Retry(300.0)


def test_an_endpoint_that_gets_too_much_and_says_for_how_long_is_believed() -> None:
    assert after(1, 429, "7") == Retry(7.0)


def test_a_schedule_of_seconds_is_not_stretched_to_a_minute() -> None:
    assert after(1, 429, schedule=[0, 1, 4]) == Retry(4.0)


@pytest.mark.parametrize(("status", "wish"), [(410, None), (500, "disable"), (404, " Disable ")])
def test_a_farewell_ends_the_delivery_and_the_endpoint(status: int, wish: str | None) -> None:
    decision = after(1, status, wish=wish)
    assert isinstance(decision, GiveUp)
    assert not decision.exhausted
    assert Attempt(NOW, 0.1, status=status, wish=wish).farewell is not None


def test_a_receiver_that_takes_a_delivery_and_wants_no_more_has_got_it() -> None:
    assert after(1, 200, wish="disable") == Delivered()
    assert Attempt(NOW, 0.1, status=200, wish="disable").farewell is not None


def test_abort_message_ends_the_delivery_alone() -> None:
    assert isinstance(after(1, 400, wish="abort-message"), GiveUp)
    assert Attempt(NOW, 0.1, status=400, wish="abort-message").farewell is None
    assert after(1, 204, wish="abort-message") == Delivered()


@pytest.mark.parametrize("wish", ["", "later", "disable, abort-message", "\xff"])
def test_other_wishes_are_not_heard(wish: str) -> None:
    assert after(1, 500, wish=wish) == Retry(5.0)


@given(st.floats(0, 1))
def test_jitter_stays_within_a_fifth_to_both_sides(chance: float) -> None:
    decision = after(2, 500, chance=chance)
    assert isinstance(decision, Retry)
    assert 240 <= round(decision.seconds, 6) <= 360


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        ("1000000000", 86_400.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("1e9", 0.0),
        ("Fri, 31 Feb 2026 25:61:00 GMT", 0.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        ("Wed, 21 Oct 2015 07:28:00 +100000000000000000000", 0.0),
        ("Wed, 21 Oct 99999 07:28:00 GMT", 0.0),
        ("9" * 5000, 86_400.0),
    ],
)
def test_retry_after_is_read_in_both_forms_and_survived_in_all_others(header: str, seconds: float) -> None:
    assert seconds_asked(header, NOW) == pytest.approx(seconds, abs=1)


def test_retry_after_only_lengthens_the_pause() -> None:
    assert after(1, 503, "60") == Retry(60.0)
    assert after(2, 503, "60") == Retry(300.0)


@given(st.text(max_size=40))
def test_no_retry_after_header_breaks_the_decision(header: str) -> None:
    assert isinstance(after(1, 503, header), Retry)
