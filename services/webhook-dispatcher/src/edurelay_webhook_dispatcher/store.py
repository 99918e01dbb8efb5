"""What the dispatcher keeps: one document a delivery, and an index of the events that were published.

An embedded store pays for every secondary index at every insert, so there are few: primary keys carry tenant,
endpoint and time, and the other indexes hold only deliveries that are still open (docs/adr/0006).
"""

from __future__ import annotations

from typing import Final

from edurelay.mongo import ASCENDING, CollectionSpec, Index

#: `_id` (see `keys.DeliveryKey.stored`), endpoint, event_id, type, status, attempts, updated; and only while it is
#: open: open, due_at (pending only), body, reason, traceparent.
DELIVERIES: Final = CollectionSpec(
    "deliveries",
    indexes=(
        Index((("due_at", ASCENDING),), partial={"open": True}),
        Index((("endpoint", ASCENDING), ("status", ASCENDING), ("_id", ASCENDING)), partial={"open": True}),
    ),
)

#: `_id` is tenant and `event_key`; type, subject, time, source; where it stands in the log: partition, offset,
#: moment; `to`: the endpoints that it matched; `given_id` where the publisher chose the id.
EVENTS: Final = CollectionSpec(
    "events",
    indexes=(
        Index((("tenant", ASCENDING), ("given_id", ASCENDING)), unique=True, partial={"given_id": {"$exists": True}}),
    ),
)

#: `_id`, tenant, endpoint, since, until (milliseconds), event_types; `open` until all of it stands in `deliveries`.
REPLAYS: Final = CollectionSpec("replays", indexes=(Index((("open", ASCENDING),), partial={"open": True}),))

LEASES: Final = CollectionSpec("leases")

ALL: Final = (DELIVERIES, EVENTS, REPLAYS, LEASES)
