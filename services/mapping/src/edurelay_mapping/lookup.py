"""Finding many documents by their keys."""

from __future__ import annotations

from collections.abc import Sequence

from edurelay.mongo import Collection, Document
from edurelay.runtime.together import together

#: How many keys one query names. MongoDB takes thousands as well; the embedded server's cost for each document that
#: it finds grows with the length of the list, and at this length it finds three times as many a second as at 500.
KEYS = 50


async def find_by_keys(
    collection: Collection, keys: Sequence[str], projection: Document | None = None
) -> dict[str, Document]:
    """Return the documents that there are under `keys`, by their key."""

    async def find(part: Sequence[str]) -> list[Document]:
        found = collection.find({"_id": {"$in": part}}, projection, batch_size=KEYS + 1)
        return await found.to_list(None)

    parts = [keys[start : start + KEYS] for start in range(0, len(keys), KEYS)]
    answers = await together(*(find(part) for part in parts))
    return {document["_id"]: document for answer in answers for document in answer}
