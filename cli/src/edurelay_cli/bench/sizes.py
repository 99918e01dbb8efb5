"""How much is measured: the whole of it, or just enough to see that everything works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts a round, rounds, and seconds. `fan_out` is events and endpoints, `widest` the endpoints of one event,
    `neighbours` are hanging and dead endpoints, `recovered` the events in the middle of which everything is killed,
    `memory` the two sizes of a sync whose memory is compared, and `pending` the numbers of due retries that are."""

    rounds: int
    published: int
    mapped: int
    delivered: int
    system: int
    warm_up: int
    latency_seconds: int
    fan_out: tuple[int, int]
    widest: int
    neighbours: tuple[int, int]
    recovered: int
    memory: tuple[int, int]
    pending: tuple[int, ...]


FULL = Sizes(
    rounds=5,
    published=5_000,
    mapped=12_000,
    delivered=5_000,
    system=10_000,
    warm_up=2_000,
    latency_seconds=20,
    fan_out=(500, 20),
    widest=1_000,
    neighbours=(100, 1_000),
    recovered=5_000,
    memory=(10_000, 100_000),
    pending=(10_000, 100_000),
)

QUICK = Sizes(
    rounds=1,
    published=500,
    mapped=1_500,
    delivered=500,
    system=500,
    warm_up=200,
    latency_seconds=3,
    fan_out=(20, 5),
    widest=20,
    neighbours=(5, 20),
    recovered=400,
    memory=(500, 1_000),
    pending=(1_000, 3_000),
)

#: How many publishers there are at a time.
PUBLISHERS = 64

#: The endpoint's `max_in_flight`. The default of 10 is for strangers; this is for a receiver of one's own.
WINDOW = 50

#: Events a second in the measurement of latency, and for how long it warms up.
LATENCY_RATE = 50
LATENCY_WARM_UP_SECONDS = 3
