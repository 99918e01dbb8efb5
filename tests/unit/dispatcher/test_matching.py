"""Which endpoints get an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.operational import NAMES
from edurelay.events.patterns import matches
from edurelay_webhook_dispatcher.matching import REMEMBERED, Subscribers

PARTS = st.sampled_from(["a", "b", "endpoint", "failing"])
PATTERNS = st.lists(st.lists(PARTS | st.just("*"), min_size=1, max_size=5).map(".".join), min_size=1, max_size=6)
#: Whoever writes to the log may write what is none, too.
TYPES = st.lists(PARTS | st.sampled_from(["", "*", "."]), min_size=1, max_size=5).map(".".join) | st.sampled_from(
    sorted(NAMES)
)
TENANTS = st.sampled_from(["t", "u"])
#: What becomes of an endpoint: its new patterns; None: it goes.
CHANGES = st.lists(st.tuples(TENANTS, st.sampled_from("1234"), st.none() | PATTERNS), max_size=12)


@dataclass(frozen=True)
class Subscriber:
    id: str
    tenant: str
    event_types: tuple[str, ...]


def test_only_the_events_own_tenant_is_asked() -> None:
    subscribers: Subscribers[Subscriber] = Subscribers()
    mine, theirs = Subscriber("1", "mine", ("*",)), Subscriber("2", "theirs", ("*",))
    subscribers.put(mine)
    subscribers.put(theirs)
    assert subscribers.matching("mine", "student.created") == (mine,)
    assert subscribers.matching("nobody", "student.created") == ()


def test_a_change_is_seen_by_the_next_event() -> None:
    subscribers: Subscribers[Subscriber] = Subscribers()
    subscribers.put(Subscriber("1", "t", ("student.*",)))
    assert subscribers.matching("t", "course.created") == ()
    wider = Subscriber("1", "t", ("*",))
    subscribers.put(wider)
    assert subscribers.matching("t", "course.created") == (wider,)
    subscribers.remove("t", "1")
    assert subscribers.matching("t", "course.created") == ()


def test_an_endpoint_gets_an_event_once_however_many_of_its_patterns_take_it() -> None:
    subscribers: Subscribers[Subscriber] = Subscribers()
    subscribers.put(Subscriber("1", "t", ("*", "student.*", "student.created")))
    assert len(subscribers.matching("t", "student.created")) == 1


def wants(pattern: str, event_type: str) -> bool:
    """Whether an endpoint with this pattern gets events of a type."""
    return matches(pattern, event_type) and not (pattern == "*" and event_type in NAMES)


@given(CHANGES, st.lists(TYPES, min_size=1, max_size=4))
def test_whatever_changed_each_pattern_takes_what_it_says(
    changes: list[tuple[str, str, list[str] | None]], types: list[str]
) -> None:
    subscribers: Subscribers[Subscriber] = Subscribers()
    present: dict[str, dict[str, Subscriber]] = {"t": {}, "u": {}}
    for tenant, name, patterns in changes:
        if patterns is None:
            subscribers.remove(tenant, name)
            present[tenant].pop(name, None)
        else:
            present[tenant][name] = Subscriber(name, tenant, tuple(patterns))
            subscribers.put(present[tenant][name])
        for event_type in types:
            wanted = [
                each
                for each in present[tenant].values()
                if any(wants(pattern, event_type) for pattern in each.event_types)
            ]
            assert list(subscribers.matching(tenant, event_type)) == wanted
            assert subscribers.has(tenant, name) is (name in present[tenant])


class Part(str):
    """A part of a type that counts how often it is looked at."""

    seen = 0

    def __eq__(self, other: object) -> bool:
        Part.seen += 1
        return super().__eq__(other)

    def __hash__(self) -> int:
        Part.seen += 1
        return super().__hash__()


class Type(str):
    """A type of such parts."""

    def split(self, *how: Any) -> list[str]:
        return [Part(part) for part in super().split(*how)]


def looked_at(endpoints: int, patterns: int, event_type: str) -> int:
    """How often parts of a type are looked at where each of so many endpoints has so many patterns."""
    subscribers: Subscribers[Subscriber] = Subscribers()
    for one in range(endpoints):
        wanted = tuple(".".join(["a"] * 20 + [f"x{one}_{each}"]) for each in range(patterns))
        subscribers.put(Subscriber(str(one), "t", wanted))
    before = Part.seen
    subscribers.matching("t", Type(event_type))
    return Part.seen - before


@pytest.mark.parametrize("last", ["x0_0", "none"])
def test_a_look_up_costs_the_parts_of_the_type_however_many_patterns_there_are(last: str) -> None:
    event_type = ".".join(["a"] * 20 + [last])
    assert looked_at(20, 20, event_type) == looked_at(1, 1, event_type) <= 21 * 4


def test_a_tenant_that_changes_or_makes_up_types_leaves_what_is_remembered_of_others() -> None:
    subscribers: Subscribers[Subscriber] = Subscribers()
    subscribers.put(Subscriber("1", "mine", ("a.*",)))
    subscribers.put(Subscriber("2", "theirs", ("*",)))
    subscribers.matching("mine", "a.b")
    for number in range(11 * REMEMBERED):
        subscribers.matching("theirs", f"made.up{number}")
    subscribers.put(Subscriber("2", "theirs", ("b",)))
    subscribers.remove("theirs", "2")
    before = Part.seen
    assert len(subscribers.matching("mine", Type("a.b"))) == 1
    assert Part.seen == before
