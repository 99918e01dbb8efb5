"""What the mapping service keeps, and the indexes that its queries rely on."""

from __future__ import annotations

from edurelay.mongo import ASCENDING, CollectionSpec, Index

_DAY = 24 * 3600

#: Mappings and entities, one document for each record, and the reservations of assigned ids (`identity`). It has no
#: index but its primary key: every other key can be computed, and an index here would cost more than the insert.
ENTITIES = CollectionSpec("entities")

#: `<tenant>/<connection>/<entity type>/<derived id>` of each record whose inside id was assigned, with that id.
ASSIGNED = CollectionSpec("assigned", (Index((("tenant", ASCENDING), ("connection_id", ASCENDING))),))

#: Which connections of a tenant have documents: what a list over all connections goes through.
CONNECTIONS = CollectionSpec("connections", (Index((("tenant", ASCENDING),)),))

#: The keys of documents that a single write may have left with an unsent event.
UNSENT = CollectionSpec("unsent", (Index((("at", ASCENDING),)),))

#: What became of each batch, kept for as long as a run may be asked about.
OUTCOMES = CollectionSpec(
    "outcomes",
    (
        Index((("tenant", ASCENDING), ("run_id", ASCENDING))),
        Index((("written_at", ASCENDING),), expire_after_seconds=90 * _DAY),
    ),
)

#: Records that could not be used, kept as long as dead letters are.
REJECTED = CollectionSpec(
    "rejected",
    (
        Index((("tenant", ASCENDING), ("run_id", ASCENDING))),
        Index((("rejected_at", ASCENDING),), expire_after_seconds=90 * _DAY),
    ),
)

#: Which log of records the positions in the documents belong to, and how far each partition has been worked off.
LOG = CollectionSpec("log")

ALL = (ENTITIES, ASSIGNED, CONNECTIONS, UNSENT, OUTCOMES, REJECTED, LOG)
