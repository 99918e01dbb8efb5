"""How much processor time the conditions of each tenant may take."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from edurelay.conditions.shares import BURST, EACH, SHARE, Shares, brought


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_taken_comes_back_with_time_and_not_more() -> None:
    clock = Clock()
    shares = Shares(clock)
    shares.take("t", BURST + 0.2)
    assert shares.left("t") == pytest.approx(-0.2)
    clock.now += 3.0
    assert shares.left("t") == pytest.approx(-0.2 + 3.0 * SHARE)
    clock.now += 3600.0
    assert shares.left("t") == BURST


def test_each_tenant_has_its_own() -> None:
    shares = Shares(Clock())
    shares.take("greedy", 5.0)
    assert shares.left("other") == BURST


def test_who_takes_no_more_than_its_events_bring_has_no_account() -> None:
    shares = Shares(Clock())
    for spent in (-0.5, 0.0):
        shares.take("t", spent)
    assert (len(shares), shares.left("t")) == (0, BURST)


def test_an_account_that_is_full_again_is_forgotten() -> None:
    clock = Clock()
    shares = Shares(clock)
    for n in range(1000):
        shares.take(f"t{n}", SHARE)
        clock.now += 1.0
    assert len(shares) == 1


def test_a_large_event_brings_more_than_a_small_one() -> None:
    assert brought(0) == EACH
    assert brought(256_000) > 50 * EACH
