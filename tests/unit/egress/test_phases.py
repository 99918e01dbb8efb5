"""The phases of an exchange are all of its time, however far it came."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from edurelay.egress.phases import PHASES, Stopwatch

Mark = Callable[[Stopwatch], None]
DIALLED, CONNECTED, READY = Stopwatch.dialled, Stopwatch.connected, Stopwatch.ready
WRITTEN, ANSWERED = Stopwatch.written, Stopwatch.answered

NEW = [DIALLED, CONNECTED, READY, WRITTEN, ANSWERED]
KEPT = [READY, WRITTEN, ANSWERED]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second at each look."""
    seconds = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(seconds)))


def measured(marks: Sequence[Mark], *, secure: bool = True) -> dict[str, float]:
    watch = Stopwatch(secure=secure)
    for mark in marks:
        mark(watch)
    return watch.phases()


def test_a_new_connection_goes_through_every_phase() -> None:
    assert measured(NEW) == dict.fromkeys(PHASES, 1000)


def test_plain_http_has_no_handshake() -> None:
    assert measured(NEW, secure=False) == {"lookup": 1000, "connect": 2000, "send": 1000, "wait": 1000, "read": 1000}


def test_a_kept_connection_is_not_made() -> None:
    assert measured(KEPT) == {"send": 2000, "wait": 1000, "read": 1000}


@pytest.mark.parametrize("reached", range(len(NEW) + 1))
def test_the_last_phase_is_the_one_that_did_not_end(reached: int) -> None:
    assert list(measured(NEW[:reached])) == list(PHASES[: reached + 1])


def test_a_kept_connection_that_was_dead_and_its_replacement_are_one_exchange() -> None:
    found = measured([READY, WRITTEN, *NEW])
    assert found == {"lookup": 3000, "connect": 1000, "tls": 1000, "send": 1000, "wait": 1000, "read": 1000}


def test_a_dead_connection_whose_replacement_fails_too_ends_in_connecting() -> None:
    assert list(measured([READY, WRITTEN, DIALLED])) == ["lookup", "connect"]
    assert list(measured([READY, WRITTEN, DIALLED], secure=False)) == ["lookup", "connect"]


def test_an_answer_before_the_request_was_whole_was_not_waited_for() -> None:
    assert measured([READY, ANSWERED, WRITTEN]) == {"send": 2000, "wait": 0, "read": 1000}


def test_the_second_of_two_addresses_is_still_connecting() -> None:
    assert measured([DIALLED, DIALLED, CONNECTED])["connect"] == 1000
