"""Which endpoints get an event."""

from __future__ import annotations

from dataclasses import dataclass

from edurelay_webhook_dispatcher.matching import Subscribers


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
