"""Inserting what may be there already tells exactly what was."""

from __future__ import annotations

import pytest

from edurelay.mongo import BulkWriteError, Collection, Document
from edurelay.mongo.writes import DuplicateKey, insert_new


async def test_new_documents_are_all_inserted(things: Collection) -> None:
    assert await insert_new(things, [{"_id": "a"}, {"_id": "b"}]) == []
    assert await things.count_documents({}) == 2


async def test_nothing_to_insert_is_fine(things: Collection) -> None:
    assert await insert_new(things, []) == []


async def test_those_that_were_there_are_returned_with_the_index_that_held_them(things: Collection) -> None:
    await things.insert_one({"_id": "a", "school": "s", "number": 1})
    documents: list[Document] = [
        {"_id": "new"},
        {"_id": "a", "school": "t"},
        {"_id": "b", "school": "s", "number": 1},
        {"_id": "c", "school": "s", "number": 2},
    ]
    assert await insert_new(things, documents) == [
        DuplicateKey(1, "_id_", documents[1]),
        DuplicateKey(2, "school_1_number_1", documents[2]),
    ]
    assert {found["_id"] async for found in things.find({})} == {"a", "new", "c"}


async def test_the_second_of_two_alike_in_one_list_is_returned(things: Collection) -> None:
    assert [found.index_in_list for found in await insert_new(things, [{"_id": "a"}, {"_id": "a"}])] == [1]


async def test_a_repetition_returns_all_and_changes_nothing(things: Collection) -> None:
    documents = [{"_id": f"{number}", "value": number} for number in range(2500)]
    await insert_new(things, documents)
    again = await insert_new(things, [{**document, "value": -1} for document in documents])
    assert [found.index_in_list for found in again] == list(range(2500))
    assert await things.count_documents({"value": -1}) == 0


async def test_any_other_error_is_raised(things: Collection) -> None:
    with pytest.raises(BulkWriteError):
        await insert_new(things, [{"_id": "a"}, {"_id": {"$this": "is no id"}}])
