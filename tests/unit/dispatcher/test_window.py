"""An endpoint's window halves when the receiver asks for less, and grows back as it takes what it gets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edurelay_webhook_dispatcher.window import Window


def test_a_window_begins_as_wide_as_it_may_be() -> None:
    window = Window(10)
    assert window.places == 10
    assert window.full


def test_it_halves_once_for_what_was_under_way_together() -> None:
    window = Window(16)
    for _ in range(16):
        window.narrow(begun=1.0, now=2.0)
    assert window.places == 8
    window.narrow(begun=2.5, now=3.0)
    assert window.places == 4


def test_it_grows_by_one_place_for_each_windowful() -> None:
    window = Window(16)
    window.narrow(begun=1.0, now=2.0)
    for _ in range(9):
        window.widen()
    assert window.places == 9
    assert not window.full
    for _ in range(200):
        window.widen()
    assert window.full


def test_a_full_window_follows_its_limit_and_a_narrow_one_keeps_below_it() -> None:
    window = Window(10)
    window.limit(20)
    assert window.places == 20
    window.narrow(begun=1.0, now=1.0)
    window.limit(40)
    assert window.places == 10
    window.limit(5)
    assert window.places == 5


@given(st.integers(1, 100), st.lists(st.tuples(st.booleans(), st.floats(0, 1000)), max_size=300))
def test_it_has_a_place_and_never_more_than_the_limit(limit: int, answers: list[tuple[bool, float]]) -> None:
    window = Window(limit)
    for narrow, at in answers:
        if narrow:
            window.narrow(begun=at, now=at)
        else:
            window.widen()
        assert 1 <= window.places <= limit
