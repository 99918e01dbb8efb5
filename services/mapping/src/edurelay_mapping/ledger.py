"""The ledger: what became of each batch, counted once, and each record that could not be used, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from edurelay.mongo import Database, Document
from edurelay.mongo.writes import insert_new
from edurelay_mapping import store
from edurelay_mapping.arrival import Arrival
from edurelay_mapping.changes import Outcome


class Ledger:
    """Writes what became of batches. A batch that has an outcome is done with, however often it comes."""

    def __init__(self, database: Database) -> None:
        self._outcomes = database[store.OUTCOMES]
        self._rejected = database[store.REJECTED]

    async def known(self, batch_ids: Sequence[str]) -> set[str]:
        """Return those of the batches that have an outcome."""
        found = self._outcomes.find({"_id": {"$in": list(batch_ids)}}, {"_id": 1})
        return {document["_id"] for document in await found.to_list(None)}

    async def keep(self, arrivals: Sequence[Arrival]) -> None:
        """Keep the rejected records of the batches, and then their outcomes: who sees a count can see the records."""
        await insert_new(self._rejected, [document for arrival in arrivals for document in _rejected(arrival)])
        await insert_new(self._outcomes, [_outcome(arrival) for arrival in arrivals])


def _outcome(arrival: Arrival) -> Document:
    batch = arrival.batch
    return {
        "_id": arrival.id,
        "tenant": batch["tenant"],
        "run_id": batch["run_id"],
        "connection_id": batch["connection_id"],
        "stream": batch["stream"],
        "epoch": batch["epoch"],
        "sequence": batch["sequence"],
        "source": arrival.source,
        **{outcome.value: arrival.counts[outcome] for outcome in Outcome},
        "written_at": datetime.now(UTC),
    }


def _rejected(arrival: Arrival) -> list[Document]:
    batch = arrival.batch
    return [
        {
            "_id": f"{arrival.id}#{number}",
            "tenant": batch["tenant"],
            "run_id": batch["run_id"],
            "connection_id": batch["connection_id"],
            "stream": batch["stream"],
            "entity_type": batch["entity_type"],
            **{name: entry.get(name) for name in ("external_id", "reason", "field", "where", "line", "column")},
            "raw": _as_text(entry.get("raw")),
            "rejected_at": datetime.fromisoformat(batch["read_at"]),
            "reprocessed_by": None,
        }
        for number, entry in enumerate(arrival.rejected)
    ]


def _as_text(raw: Any) -> str:
    """Return a provider's record as text: there is nothing that a text cannot hold, and the database can hold text."""
    try:
        return orjson.dumps(raw).decode()
    except orjson.JSONEncodeError:
        return orjson.dumps(repr(raw)[:10_000]).decode()
