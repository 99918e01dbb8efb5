"""What a pattern of event types may be, and what it takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.patterns import EVENT_PATTERN, EVENT_TYPE, matches

PARTS = st.text("aB_9", min_size=1, max_size=2)
TYPES = st.lists(PARTS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.lists(PARTS | st.just("*"), min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "event_type", "taken"),
    [
        ("student.created", "student.created", True),
        ("student.created", "student.updated", False),
        ("student.created", "student.created.twice", False),
        ("student.*", "student.created", True),
        ("student.*", "student.plan.changed", True),
        ("student.*", "student", False),
        ("student.*", "students.created", False),
        ("*", "anything", True),
        ("*", "any.thing.at.all", True),
        ("*.created", "course.created", True),
        ("*.created", "course.plan.created", False),
        ("application.*.changed", "application.stage.changed", True),
    ],
)
def test_a_star_takes_one_part_and_at_the_end_one_or_more(pattern: str, event_type: str, taken: bool) -> None:
    assert matches(pattern, event_type) is taken


@given(PATTERNS)
def test_whatever_is_made_of_parts_and_stars_may_be_written(pattern: str) -> None:
    assert re.fullmatch(EVENT_PATTERN, pattern)


@pytest.mark.parametrize("pattern", ["", "**", "a*", "student.", ".*", "a.**", "a-b", "a..b", "*.", "ä.*"])
def test_another_pattern_may_not(pattern: str) -> None:
    assert not re.fullmatch(EVENT_PATTERN, pattern)


@given(TYPES)
def test_a_type_is_a_pattern_of_itself(event_type: str) -> None:
    assert re.fullmatch(EVENT_TYPE, event_type)
    assert matches(event_type, event_type)


@given(TYPES, st.data())
def test_a_star_takes_whatever_stands_in_its_part(event_type: str, data: st.DataObject) -> None:
    parts = event_type.split(".")
    starred = [data.draw(st.sampled_from([part, "*"])) for part in parts]
    assert matches(".".join(starred), event_type)
