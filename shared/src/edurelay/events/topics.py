"""Every topic, declared once. `edurelay topics apply` creates them, each service verifies them at its start."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HOUR = 3_600_000
DAY = 24 * HOUR


class Cleanup(StrEnum):
    """What Kafka does with old messages."""

    DELETE = "delete"
    COMPACT = "compact"
    COMPACT_AND_DELETE = "compact,delete"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's declaration. `retention` is in milliseconds; `key` and `content` are for the reader."""

    name: str
    partitions: int
    cleanup: Cleanup
    key: str
    content: str
    retention: int | None = None
    dead_letters: bool = False

    @property
    def dlq(self) -> Topic:
        """The topic of what could not be processed from this one."""
        return Topic(
            f"{self.name}.dlq", 1, Cleanup.DELETE, self.key, f"what could not be processed from {self.name}", 90 * DAY
        )


CONNECTIONS = Topic(
    "edurelay.connections", 1, Cleanup.COMPACT, "connection id", "connection state, credentials only sealed"
)
SUBSCRIPTIONS = Topic(
    "edurelay.subscriptions", 1, Cleanup.COMPACT, "endpoint id", "endpoint, event types, signing secrets sealed"
)
COMMANDS = Topic(
    "edurelay.commands", 3, Cleanup.DELETE, "connection id", "run this sync, test or cancel", 7 * DAY, True
)
INGEST = Topic(
    "edurelay.ingest", 3, Cleanup.DELETE, "connection id", "one inbound webhook: raw bytes and headers", 7 * DAY, True
)
RECORDS = Topic(
    "edurelay.records",
    6,
    Cleanup.DELETE,
    "tenant, connection, stream, shard of external id",
    "batches of provider records",
    7 * DAY,
    True,
)
EVENTS = Topic(
    "edurelay.events", 6, Cleanup.DELETE, "tenant, subject", "domain events: the public contract", 90 * DAY, True
)
RUNS = Topic("edurelay.runs", 3, Cleanup.COMPACT_AND_DELETE, "run id", "run state, progress and counts", 30 * DAY, True)
DELIVERIES = Topic("edurelay.deliveries", 3, Cleanup.DELETE, "endpoint id", "one message an attempt", 14 * DAY)
AUDIT = Topic("edurelay.audit", 1, Cleanup.DELETE, "tenant", "who did what", 365 * DAY)

DECLARED: tuple[Topic, ...] = (
    CONNECTIONS,
    SUBSCRIPTIONS,
    COMMANDS,
    INGEST,
    RECORDS,
    EVENTS,
    RUNS,
    DELIVERIES,
    AUDIT,
)

#: Every topic that has to exist, dead-letter topics included.
ALL: tuple[Topic, ...] = DECLARED + tuple(topic.dlq for topic in DECLARED if topic.dead_letters)
