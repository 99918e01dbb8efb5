"""The consumer: in order, nothing twice, gaps asked for again, committed behind what was handled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from edurelay_client import Consumer, EventsGone, InvalidRequest, NotReachable, StreamGap, Unavailable
from edurelay_client import consumer as consumer_module
from edurelay_client.models import StreamedEvent, StreamPage


def event(number: int) -> StreamedEvent:
    return StreamedEvent(sequence=number, event_id=f"evt_{number}", event_type="note.uploaded")


class Enough(Exception):
    """The test has seen what it wanted."""


@dataclass
class Script:
    """A stream that answers as it was told: numbers, or an error; then what there is of `events`, for ever."""

    events: list[int] = field(default_factory=list)
    answers: list[list[int] | Exception] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    failing_commits: int = 0
    committed: int = 0
    asked: list[int | None] = field(default_factory=list)

    def _next(self, after: int) -> list[StreamedEvent]:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return [event(number) for number in answer]
        return [event(number) for number in self.events if number > after][:3]

    async def stream_page(
        self, endpoint_id: str, *, after: int | None = None, limit: int | None = None, wait: float | None = None
    ) -> StreamPage:
        await asyncio.sleep(0)
        self.asked.append(after)
        if after is None:
            return StreamPage(data=[], after=self.committed, last=self.committed, committed=self.committed)
        return StreamPage(data=self._next(after), after=after, last=after, committed=self.committed)

    async def pushed(self, endpoint_id: str, *, after: int) -> AsyncIterator[list[StreamedEvent]]:
        self.asked.append(after)
        while True:
            await asyncio.sleep(0)
            batch = self._next(after)
            yield batch
            after = batch[-1].sequence if batch else after

    async def commit(self, endpoint_id: str, after: int) -> int:
        if self.failing_commits:
            self.failing_commits -= 1
            raise Unavailable(503, {})
        self.commits.append(after)
        before, self.committed = self.committed, after
        return before


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "_FIRST_PAUSE", 0.0)


async def handled(consumer: Consumer, count: int) -> list[int]:
    """Run until so many events were handled; the last one is not acknowledged."""
    found: list[int] = []

    async def handle(each: StreamedEvent) -> None:
        found.append(each.sequence)
        if len(found) == count:
            raise Enough

    async with asyncio.timeout(30):
        with pytest.raises(Enough):
            await consumer.run(handle)
    return found


PUSH = pytest.mark.parametrize("push", [False, True], ids=["polled", "pushed"])


@PUSH
async def test_it_goes_on_behind_what_was_committed_and_commits_what_was_handled(push: bool) -> None:
    script = Script(events=list(range(1, 9)), committed=2)
    assert await handled(Consumer(script, "ep", push=push), 5) == [3, 4, 5, 6, 7]
    assert script.commits == [5, 6]
    assert await handled(Consumer(script, "ep", push=push), 1) == [7]


@PUSH
async def test_what_comes_again_is_left_out_and_counted(push: bool) -> None:
    script = Script(events=list(range(1, 9)), answers=[[1, 2], [1, 2, 3], [2, 3]])
    consumer = Consumer(script, "ep", push=push)
    assert await handled(consumer, 5) == [1, 2, 3, 4, 5]
    assert consumer.repeated == 4


@PUSH
async def test_a_gap_is_asked_for_again_and_one_that_stays_is_told(push: bool) -> None:
    script = Script(events=list(range(1, 9)), answers=[[1, 2, 4, 5]])
    assert await handled(Consumer(script, "ep", push=push), 5) == [1, 2, 3, 4, 5]
    assert script.asked[:3] == [None, 0, 2]

    holed = Script(events=[1, 2, 4, 5])
    seen: list[int] = []

    async def handle(each: StreamedEvent) -> None:
        seen.append(each.sequence)

    with pytest.raises(StreamGap) as gap:
        await Consumer(holed, "ep", push=push).run(handle)
    assert (gap.value.missing, gap.value.found, seen, holed.committed) == (3, 4, [1, 2], 2)


@PUSH
async def test_what_passes_is_waited_for_and_what_does_not_is_told(push: bool) -> None:
    errors: Callable[[], list[list[int] | Exception]] = lambda: [NotReachable("x"), Unavailable(503, {}), [1]]  # noqa: E731
    script = Script(events=[1, 2, 3], answers=errors(), failing_commits=2)
    assert await handled(Consumer(script, "ep", push=push), 3) == [1, 2, 3]
    with pytest.raises(NotReachable):
        await Consumer(Script(answers=errors()), "ep", push=push, patience=0.0).run(_ignore)
    with pytest.raises(InvalidRequest):
        await Consumer(Script(answers=[InvalidRequest(422, {})]), "ep", push=push).run(_ignore)


@PUSH
async def test_what_is_gone_is_told_unless_it_is_to_be_left_out(push: bool) -> None:
    gone = EventsGone(410, {"code": "events_gone", "first": 4})
    with pytest.raises(EventsGone) as told:
        await Consumer(Script(answers=[gone]), "ep", push=push).run(_ignore)
    assert told.value.first == 4
    script = Script(events=[4, 5, 6], answers=[gone])
    consumer = Consumer(script, "ep", push=push, skip_gone=True)
    assert await handled(consumer, 2) == [4, 5]
    assert consumer.skipped == 3


async def test_an_event_counts_as_handled_when_the_next_one_is_asked_for() -> None:
    script = Script(events=[1, 2, 3, 4])
    consumer = Consumer(script, "ep", after=1)
    async for each in consumer.events():
        if each.sequence == 3:
            break
    assert consumer.position == 2
    silent = Script(events=[1, 2])
    assert await handled(Consumer(silent, "ep", commit=False), 2) == [1, 2]
    assert silent.commits == []


async def _ignore(each: StreamedEvent) -> None:
    """Do nothing."""
