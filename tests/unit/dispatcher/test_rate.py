"""An endpoint with a rate gets what one second may bring at once, and then no more than that a second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay_webhook_dispatcher.rate import Rate


def test_what_one_second_may_bring_may_begin_at_once() -> None:
    rate = Rate(4.0)
    for _ in range(4):
        assert rate.wait(10.0) == 0
        rate.take(10.0)
    assert rate.wait(10.0) == pytest.approx(0.25)
    assert rate.wait(10.25) == pytest.approx(0.0)


def test_of_less_than_one_a_second_each_waits_for_its_own_time() -> None:
    rate = Rate(0.1)
    rate.take(0.0)
    assert rate.wait(0.0) == pytest.approx(10.0)
    assert rate.wait(9.0) == pytest.approx(1.0)
    assert int(rate.within(2.0, 0.0)) == 0
    assert int(rate.within(2.0, 9.0)) == 1


def test_it_has_rested_when_as_many_may_begin_as_in_the_beginning() -> None:
    rate = Rate(2.0)
    assert rate.rested(0.0)
    rate.take(0.0)
    rate.take(0.0)
    assert not rate.rested(0.9)
    assert rate.rested(1.0)
    assert rate.within(0.0, 1.0) == 2


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 10), max_size=200))
def test_in_no_stretch_of_time_do_more_begin_than_its_seconds_and_one_allow(
    per_second: float, pauses: list[float]
) -> None:
    rate, now, begun = Rate(per_second), 0.0, []
    for pause in pauses:
        now += pause
        if rate.wait(now) == 0:
            rate.take(now)
            begun.append(now)
    for first, since in enumerate(begun):
        for count, until in enumerate(begun[first:], 1):
            assert count <= max(1.0, per_second) + (until - since) * per_second + 1e-6
