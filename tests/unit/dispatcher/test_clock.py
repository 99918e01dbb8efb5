"""The dispatcher's clock goes by the database's, and on by itself in between."""

from __future__ import annotations

import time

import pytest

from edurelay_webhook_dispatcher.clock import SharedClock, Timekeeper


async def test_it_goes_by_the_clock_that_is_asked() -> None:
    async def told() -> float:
        return 1_000_000.0

    clock = SharedClock()
    assert clock.now() == pytest.approx(time.time(), abs=1)
    await Timekeeper(told, clock).set()
    assert clock.now() == pytest.approx(1_000_000.0, abs=1)


def test_it_does_not_tremble_with_the_network() -> None:
    clock = SharedClock()
    clock.set(1_000_000.0, 10.0, 10.2)
    ahead = clock.now() - time.monotonic()
    assert ahead == pytest.approx(1_000_000.0 - 10.1, abs=0.01)
    # Half a second on the way, and what was told fits the clock as it is.
    clock.set(1_000_010.3, 20.0, 20.5)
    assert clock.now() - time.monotonic() == pytest.approx(ahead, abs=0.01)


def test_it_follows_a_step_of_the_clock_that_is_asked() -> None:
    clock = SharedClock()
    clock.set(1_000_000.0, 10.0, 10.2)
    clock.set(1_000_070.0, 20.0, 20.2)
    assert clock.now() - time.monotonic() == pytest.approx(1_000_070.0 - 20.1, abs=0.01)
