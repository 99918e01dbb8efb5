"""Inserting many documents of which some may be there already.

A replay inserts again what an earlier life has inserted; the unique indexes tell. An insert is several times cheaper
than an upsert, so what is probably new is inserted, and only what was not is looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pymongo.errors import BulkWriteError

from edurelay.mongo.collections import Collection, Document

_DUPLICATE_KEY: Final = 11000
_INDEX_NAME: Final = re.compile(r" index: (\S+)")


@dataclass(frozen=True, slots=True)
class DuplicateKey:
    """One document that was not inserted: its place in the list, and the unique index that already holds its key
    (`_id_`, or the `name` of an `Index`)."""

    index_in_list: int
    index_name: str
    document: Document


async def insert_new(collection: Collection, documents: Sequence[Document]) -> list[DuplicateKey]:
    """Insert those of `documents` that are not there yet; return the others, in their order.

    A document is refused by a unique index only, which may also be its neighbour's doing, or its own if an earlier
    try was written and its answer lost. Any other error is raised: `BulkWriteError` or one of `StoreUnavailable`; some
    documents may be written then.
    """
    if not documents:
        return []
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        failures = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(failure["code"] != _DUPLICATE_KEY for failure in failures):
            raise
        return [
            DuplicateKey(failure["index"], _index_name(failure), documents[failure["index"]])
            for failure in sorted(failures, key=lambda failure: failure["index"])
        ]
    return []


def _index_name(failure: Document) -> str:
    found = _INDEX_NAME.search(failure["errmsg"])
    return found.group(1) if found is not None else ""
