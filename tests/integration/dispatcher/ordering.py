"""Events of subjects, a receiver that answers each of them as it is told to, and what may be said of their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from e2e.receivers import Receiver
from edurelay.events.envelope import Event, now
from edurelay.events.ids import new_event_id
from edurelay.events.topics import EVENTS
from edurelay.kafka.handler import Received
from integration.dispatcher.world import TENANT, Log


def subjects_log(*subjects: str | None, first: int = 0) -> Log:
    """Return a partition with an event of each subject; the type of the n-th is `event.n`."""
    log = Log([])
    for subject in subjects:
        append(log, subject, first=first)
    return log


def append(log: Log, subject: str | None, *, first: int = 0) -> str:
    """Put another event into a partition; return its type."""
    offset = first + len(log.messages)
    event = Event(new_event_id(), f"event.{offset}", "/here", TENANT, now(), b'{"n":1}', subject)
    log.append(Received(EVENTS.name, 0, offset, 1_800_000_000_000 + offset, event.key, event.data, event.headers()))
    return event.type


@dataclass
class Script:
    """Answers each event by its type: what `failing` names with 500, everything else with 204. `seen` is called with
    each type that comes."""

    receiver: Receiver
    failing: set[str] = field(default_factory=set)
    seen: Callable[[str], None] = lambda type_: None

    def __post_init__(self) -> None:
        self.receiver.script = self._answer

    @property
    def came(self) -> list[str]:
        """The types of what came, in order, repetitions included."""
        return [str(request.event["event"]) for request in self.receiver.requests]

    def _answer(self, number: int) -> int:
        type_ = str(self.receiver.requests[number].event["event"])
        self.seen(type_)
        return 500 if type_ in self.failing else 204


def without_repeats(types: list[str]) -> list[str]:
    """Return what came first of each."""
    return list(dict.fromkeys(types))


def by_subject(log: Log, types: list[str]) -> Mapping[str, list[str]]:
    """Return what came of each subject, in order."""
    events = [Event.from_message(each.headers, each.value) for each in log.messages]
    subject_of = {event.type: event.subject or "" for event in events}
    found: dict[str, list[str]] = {subject: [] for subject in subject_of.values()}
    for type_ in types:
        found[subject_of[type_]].append(type_)
    return found
