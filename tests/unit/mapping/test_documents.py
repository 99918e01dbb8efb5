"""The document that stands for a record, and the event that follows from it."""

from __future__ import annotations

import orjson
import pytest

from edurelay.events.catalogue import EVENT_TYPES
from edurelay.events.envelope import Event
from edurelay.mongo import Document
from edurelay_mapping.changes import Position
from edurelay_mapping.documents import Version, event_of, milliseconds, new_document, new_mapping, next_version
from edurelay_mapping.identity import Identity

ADA = Identity("acme", "moodle", "student", "17")
MOMENT, LATER = "2026-01-15T10:30:00.000Z", "2026-01-16T10:30:00.000Z"
ATTRIBUTES = {"name": "Ada", "email": "ada@example.org"}


def version(attributes: Document, *, moment: str = MOMENT, position: Position | None = None) -> Version:
    return Version(attributes, b"hash", moment, position, 4, "run-1" if position else None)


def created() -> Document:
    return new_document(ADA.home, ADA, ADA.derived_id, version(ATTRIBUTES, position=Position(1, 2, 3)))


def event(document: Document) -> Event:
    message = event_of(document, maybe_repeated=False)
    return Event.from_message(message.headers, message.value)


def test_a_new_record_is_told_of_as_created_with_the_documented_fields_at_the_top() -> None:
    told = event(created())
    data = orjson.loads(told.data)
    assert (told.type, told.tenant, told.subject, told.time) == ("student.created", "acme", ADA.derived_id, MOMENT)
    assert {name: data[name] for name in ("student_id", "name", "email")} == {
        "student_id": ADA.derived_id,
        **ATTRIBUTES,
    }
    assert data["version"] == 1
    assert data["changed"] == []
    EVENT_TYPES["student.created"].data.model_validate(data)


def test_a_documented_field_that_the_provider_does_not_have_is_null() -> None:
    document = new_document(ADA.home, ADA, ADA.derived_id, version({"name": "Ada"}))
    assert orjson.loads(event(document).data)["email"] is None


def test_the_next_version_is_told_of_as_updated_with_what_changed() -> None:
    _, document = next_version(created(), version({"name": "Ada", "number": "7"}, moment=LATER))
    told = event(document)
    data = orjson.loads(told.data)
    assert (told.type, told.time) == ("student.updated", LATER)
    assert (data["version"], data["changed"]) == (2, ["email", "number"])
    EVENT_TYPES["student.updated"].data.model_validate(data)


def test_telling_again_of_a_document_gives_the_same_bytes() -> None:
    assert event_of(created(), maybe_repeated=False).value == event_of(created(), maybe_repeated=True).value


def test_each_version_has_an_event_id_of_its_own() -> None:
    _, second = next_version(created(), version({"name": "Eve"}))
    assert event(created()).id != event(second).id


def test_the_update_says_exactly_what_the_document_will_be() -> None:
    stored = {**created(), "earlier": [{"log": 1, "partition": 5, "offset": 6, "version": 1}]}
    update, document = next_version(stored, version({"name": "Eve"}, position=Position(1, 5, 9)))
    applied = {
        name: value for name, value in {**stored, **update["$set"]}.items() if name not in update.get("$unset", {})
    }
    assert document == applied
    assert document["earlier"] == [{"log": 1, "partition": 2, "offset": 3, "version": 1}]


def test_a_single_write_leaves_no_position_behind_but_remembers_the_one_before() -> None:
    _, document = next_version(created(), version({"name": "Eve"}))
    assert "position" not in document
    assert document["earlier"] == [{"log": 1, "partition": 2, "offset": 3, "version": 1}]
    assert document["epoch"] == 4


def test_the_first_record_of_a_mapping_is_told_of_as_created_under_the_assigned_id() -> None:
    mapping = new_mapping(ADA, "chosen", MOMENT, {"why": "known before"})
    _, document = next_version(mapping, version(ATTRIBUTES, moment=LATER, position=Position(1, 2, 3)))
    assert (event(document).type, event(document).subject) == ("student.created", "chosen")
    assert (document["created_run"], document["metadata"]) == ("run-1", {"why": "known before"})


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_has_no_milliseconds(text: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid|month"):
        milliseconds(text)


def test_milliseconds_count_from_1970_in_utc() -> None:
    assert milliseconds("1970-01-01T01:00:00.250+01:00") == 250
