"""The chains in memory: whatever comes when, of each subject one is under way, in order, and nothing is forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from edurelay.messages.deliveries import DeliveryStatus
from edurelay.messages.subscriptions import EventOrder, SignatureProfile, Subscription, Undelivered
from edurelay_webhook_dispatcher.chains import Chains, attempts_at_most, chain_of, parks, place_of
from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin, replay_origin
from edurelay_webhook_dispatcher.work import State, Work

DELIVERED = State(DeliveryStatus.DELIVERED)
PENDING = State(DeliveryStatus.PENDING, due=1.0)
WAITS = State(DeliveryStatus.PENDING, due=1.0, waits=True)
SKIPPED = State(DeliveryStatus.DEAD_LETTERED)
PARKED = State(DeliveryStatus.DEAD_LETTERED, parked=True)


def work(subject: str, offset: int, *, since: float = 0.0) -> Work:
    return Work(
        DeliveryKey("north", "ep", offset, event_origin(0, offset)),
        f"{offset}",
        "a.b",
        b"{}",
        since,
        chain=f"ep/{subject}",
    )


class World:
    """Chains, with a recorder that writes when it is told to, and attempts that end when they are told to."""

    def __init__(self) -> None:
        self.under_way: list[Work] = []
        self.unwritten: list[tuple[Work, State]] = []
        self.stored: list[tuple[Work, State]] = []
        self.chains = Chains(self.under_way.append, lambda work: self.put(work, WAITS))

    def put(self, work: Work, state: State) -> None:
        self.unwritten.append((work, state))
        self.chains.moved(work, state)

    def take(self, *works: Work, blocked: bool = False) -> None:
        names = {each.chain or "" for each in works}
        unknown = self.chains.hold(names)
        for each in works:
            self.chains.take(each, blocked=blocked and each.chain in unknown)
        self.chains.release(names)

    def end(self, work: Work, state: State) -> None:
        self.under_way.remove(work)
        self.put(work, state)

    def write(self) -> None:
        written, self.unwritten[:] = list(self.unwritten), []
        self.stored += written
        for each, state in written:
            self.chains.written(each, state)

    @property
    def waiting(self) -> list[Work]:
        """What was written down to wait, in this order."""
        return [each for each, state in (*self.stored, *self.unwritten) if state.waits]


def test_the_next_of_a_subject_begins_when_the_one_before_it_has_arrived() -> None:
    world, first, second, other = World(), work("s", 1), work("s", 2), work("t", 3)
    world.take(first, second, other)
    assert world.under_way == [first, other]
    world.end(first, DELIVERED)
    assert world.under_way == [other, second]


def test_what_waits_behind_one_that_fails_is_written_down_and_so_is_what_comes_until_that_is_done() -> None:
    world, first, second, third, fourth = World(), *(work("s", n) for n in range(1, 5))
    world.take(first, second)
    world.end(first, PENDING)
    world.take(third)
    assert (world.under_way, world.waiting) == ([], [second, third])
    world.write()
    world.take(fourth, blocked=True)
    assert (world.under_way, world.waiting) == ([], [second, third, fourth])


def test_the_next_one_begins_behind_a_dead_letter_only_when_that_is_written() -> None:
    world, first, second = World(), work("s", 1), work("s", 2)
    world.take(first, second)
    world.end(first, SKIPPED)
    assert world.under_way == []
    world.write()
    assert world.under_way == [second]


def test_everything_waits_behind_a_parked_one() -> None:
    world, first, second = World(), work("s", 1), work("s", 2)
    world.take(first, second)
    world.end(first, PARKED)
    world.write()
    assert (world.under_way, world.waiting) == ([], [second])


def test_what_is_left_to_others_is_forgotten_and_never_begins() -> None:
    world, first, second = World(), work("s", 1), work("s", 2)
    world.take(first, second)
    world.chains.leave([0])
    world.end(first, DELIVERED)
    world.write()
    assert (world.under_way, world.waiting, len(world.chains)) == ([], [], 0)


def test_what_waits_when_it_closes_is_written_down() -> None:
    world, first, second = World(), work("s", 1), work("s", 2)
    world.take(first, second)
    world.chains.close()
    world.end(first, DELIVERED)
    assert (world.under_way, world.waiting) == ([], [second])


def test_the_heads_behind_which_something_waits_for_too_long_are_known() -> None:
    world, first, second, alone = World(), work("s", 1), work("s", 2, since=5.0), work("t", 3)
    world.take(first, second, alone)
    assert world.chains.overdue(5.0) == []
    assert world.chains.overdue(5.1) == [first]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.lists(st.integers(0, 2), min_size=1, max_size=4)),
        st.tuples(st.just("end"), st.integers(0, 5), st.sampled_from([DELIVERED, PENDING, SKIPPED, PARKED])),
        st.tuples(st.just("write")),
        st.tuples(st.just("slow"), st.integers(0, 5)),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_whatever_happens_when_each_subject_keeps_its_order_and_nothing_is_lost(steps: Sequence[tuple]) -> None:  # type: ignore[type-arg]
    world = World()
    came: list[Work] = []
    begun: list[Work] = []
    blocked: set[str] = set()  # The chains of which the store has something open, which nobody works on here.

    def look() -> None:
        begun.extend(each for each in world.under_way if each not in begun)
        chains = [each.chain for each in world.under_way]
        assert len(chains) == len(set(chains)), "two of a subject are under way"

    for step in steps:
        if step[0] == "come":
            new = [work(str(subject), len(came) + n) for n, subject in enumerate(step[1])]
            came.extend(new)
            names = {each.chain or "" for each in new}
            unknown = world.chains.hold(names)
            for each in new:
                world.chains.take(each, blocked=each.chain in unknown and each.chain in blocked)
            world.chains.release(names)
        elif step[0] == "end" and world.under_way:
            world.end(world.under_way[step[1] % len(world.under_way)], step[2])
        elif step[0] == "slow" and world.under_way:
            world.put(world.under_way[step[1] % len(world.under_way)], PENDING)
            del world.under_way[step[1] % len(world.under_way)]  # From here on it is the store's.
        elif step[0] == "write":
            blocked |= {each.chain or "" for each, state in world.unwritten if not state.over}
            world.write()
        look()
    for _ in range(len(came) + 1):
        while world.under_way:
            world.end(world.under_way[0], DELIVERED)
            look()
        world.write()
        look()
    for chain in {each.chain for each in came}:
        mine = [each for each in came if each.chain == chain]
        # First those that were begun here, then those that the store has, both in the order in which they came.
        waiting = [each for each in world.waiting if each.chain == chain]
        assert [each for each in begun if each.chain == chain] + waiting == mine
    assert len(world.chains) == 0


def subscription(order: EventOrder | None) -> Subscription:
    return Subscription(
        id="ep",
        tenant="north",
        url="http://receiver.test",
        event_types=["*"],
        signature_profiles=[SignatureProfile.STANDARD],
        secrets=[],
        secret_expiries=[],
        order=order,
        version=1,
    )


def test_without_an_order_or_a_subject_nothing_waits_for_anything() -> None:
    key, order = DeliveryKey("north", "ep", 1, event_origin(3, 17)), EventOrder(then=Undelivered.SKIP)
    assert chain_of(subscription(None), key, "s") is None
    assert chain_of(subscription(order), key, None) is None
    assert chain_of(subscription(order), key, "") is None
    assert chain_of(subscription(order), DeliveryKey("north", "ep", 1, "t0"), "s") is None
    assert chain_of(subscription(order), key, "s") == "ep/s"


def test_the_place_is_that_in_the_log_also_of_a_replay() -> None:
    assert place_of(DeliveryKey("north", "ep", 1, event_origin(3, 17))) == 17
    assert place_of(DeliveryKey("north", "ep", 1, replay_origin("r1", 3, 17))) == 17


def test_what_follows_a_failure_is_as_set_where_a_place_is_kept() -> None:
    placed, free = work("s", 1), work("s", 1)
    free.chain = None
    parking = subscription(EventOrder(failures=2, then=Undelivered.PARK))
    assert (attempts_at_most(parking, placed), parks(parking, placed)) == (2, True)
    assert (attempts_at_most(parking, free), parks(parking, free)) == (None, False)
    skipping = subscription(EventOrder(then=Undelivered.SKIP))
    assert (attempts_at_most(skipping, placed), parks(skipping, placed)) == (None, False)
