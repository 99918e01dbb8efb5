"""An endpoint where nearly nothing arrives is left alone, and tried with a single attempt from time to time."""

from __future__ import annotations

import pytest

from edurelay_webhook_dispatcher.breaker import FEWEST, FIRST_REST, LONGEST_REST, SPAN, Breaker

NOW = 1_800_000_000.0


def after(outcomes: str, breaker: Breaker | None = None) -> Breaker:
    """Return a breaker that saw these attempts in one second: `+` succeeded, `-` failed."""
    breaker = breaker or Breaker()
    for outcome in outcomes:
        if outcome == "+":
            breaker.succeeded(NOW)
        else:
            breaker.failed(NOW, probe=False)
    return breaker


@pytest.mark.parametrize("outcomes", ["", "-" * (FEWEST - 1), "+++++-----", "++++------" * 5, "+" * 100])
def test_few_failures_or_a_small_share_of_them_open_nothing(outcomes: str) -> None:
    breaker = after(outcomes)
    assert not breaker.open
    assert breaker.rests_until(NOW, busy=True) is None


@pytest.mark.parametrize("outcomes", ["-" * FEWEST, "+++-------"])
def test_seven_of_ten_open_it(outcomes: str) -> None:
    breaker = after(outcomes)
    assert breaker.rests_until(NOW, busy=False) == NOW + FIRST_REST
    assert breaker.rests_until(NOW + FIRST_REST, busy=False) is None


def test_failures_that_are_long_past_count_no_more() -> None:
    breaker = after("-" * (FEWEST - 1))
    breaker.failed(NOW + SPAN + 1, probe=False)
    assert not breaker.open


def test_one_probe_at_a_time_is_let_through() -> None:
    breaker = after("-" * FEWEST)
    later = NOW + FIRST_REST + 1
    assert breaker.rests_until(later, busy=False) is None
    assert breaker.rests_until(later, busy=True) == later


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = after("-" * FEWEST)
    breaker.succeeded(NOW + FIRST_REST)
    assert not breaker.open


def test_each_probe_that_fails_doubles_the_rest_up_to_half_an_hour() -> None:
    breaker, now, rests = after("-" * FEWEST), NOW, []
    for _ in range(8):
        until = breaker.rests_until(now, busy=False)
        assert until is not None
        rests.append(until - now)
        now = until
        breaker.failed(now, probe=True)
        assert breaker.probe_failed_at == now
    assert rests == [30, 60, 120, 240, 480, 960, 1800, LONGEST_REST]


def test_what_was_under_way_when_it_opened_tells_nothing_new() -> None:
    breaker = after("-" * (FEWEST + 5))
    assert breaker.rests_until(NOW, busy=False) == NOW + FIRST_REST
    assert breaker.probe_failed_at == 0


def test_no_rest_is_longer_than_the_longest_pause_of_a_schedule() -> None:
    breaker = after("-" * FEWEST, Breaker(longest=2.0))
    assert breaker.rests_until(NOW, busy=False) == NOW + 2
    breaker.failed(NOW + 2, probe=True)
    assert breaker.rests_until(NOW + 2, busy=False) == NOW + 4


def test_a_schedule_without_pauses_has_no_breaker() -> None:
    assert not after("-" * 100, Breaker(longest=0.0)).open
