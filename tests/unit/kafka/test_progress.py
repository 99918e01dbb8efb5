"""The offset to commit is that of the lowest message that is not finished, in whatever order they finish."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edurelay.kafka.progress import OffsetTracker

#: Offsets in growing order, with the gaps that compaction and transactions leave.
offsets = st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=60).map(sorted)


def tracking(*added: int) -> OffsetTracker:
    tracker = OffsetTracker(added[0])
    tracker.add(added)
    return tracker


def test_nothing_finished_leaves_the_position_at_the_first() -> None:
    assert tracking(5, 6, 7).position == 5


def test_a_gap_in_what_is_finished_holds_the_position_back() -> None:
    tracker = tracking(5, 6, 7)
    tracker.finish([5, 7])
    assert tracker.position == 6
    tracker.finish([6])
    assert tracker.position == 8


def test_offsets_that_were_compacted_away_are_not_waited_for() -> None:
    tracker = tracking(5, 9, 30)
    tracker.finish([5, 9])
    assert tracker.position == 30


def test_finishing_twice_or_finishing_what_was_never_added_counts_for_nothing() -> None:
    tracker = tracking(5, 6)
    assert tracker.finish([5]) == 1
    assert tracker.finish([5, 4, 99]) == 0
    assert tracker.position == 6


def test_withdrawn_messages_are_as_if_they_had_never_been_added() -> None:
    tracker = tracking(5, 6, 7, 8)
    tracker.finish([5, 7])
    tracker.withdraw(7)
    assert (tracker.position, tracker.next, tracker.unfinished) == (6, 7, 1)
    tracker.finish([6])
    assert tracker.position == 7


def test_one_unfinished_message_keeps_all_behind_it_in_the_span() -> None:
    tracker = tracking(*range(100))
    tracker.finish(range(1, 100))
    assert (tracker.unfinished, tracker.span) == (1, 100)


@given(offsets, st.data())
def test_the_position_never_passes_an_unfinished_message(added: list[int], data: st.DataObject) -> None:
    tracker = tracking(*added)
    finished: set[int] = set()
    for offset in data.draw(st.permutations(added)):
        tracker.finish([offset])
        finished.add(offset)
        unfinished = [each for each in added if each not in finished]
        assert tracker.position == (unfinished[0] if unfinished else added[-1] + 1)
        assert tracker.unfinished == len(unfinished)
