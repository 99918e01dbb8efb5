"""What an event may be."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from edurelay.events.ids import SKEW_MS, earliest_key, new_event_id
from edurelay_gateway.events.models import PublishedEvent
from edurelay_gateway.moments import moment

_adapter = TypeAdapter(PublishedEvent)


def read(**fields: Any) -> PublishedEvent:
    return _adapter.validate_python({"type": "student.created", "data": {}, **fields}, strict=True)


@pytest.mark.parametrize("type_", ["student", "student.created", "a_b.C9.x", "x" * 128])
def test_a_type_is_made_of_dotted_parts(type_: str) -> None:
    assert read(type=type_).type == type_


@pytest.mark.parametrize("type_", ["", ".", "a.", ".a", "a..b", "a-b", "a b", "ä", "a.b\n", "*", "x" * 129, 5, None])
def test_another_type_is_refused(type_: Any) -> None:
    with pytest.raises(ValidationError):
        read(type=type_)


@pytest.mark.parametrize("identifier", ["", "a.b", "a b", "é", "x" * 65, "a\n", 7])
def test_an_id_that_would_break_a_signature_or_a_key_is_refused(identifier: Any) -> None:
    with pytest.raises(ValidationError):
        read(id=identifier)


def test_an_id_of_the_hubs_own_form_may_be_given_unless_it_is_from_the_future() -> None:
    made, old, another = new_event_id(), "evt_" + "0" * 32, "evt_" + "F" * 32
    assert [read(id=each).id for each in (made, old, another)] == [made, old, another]
    for ahead in (earliest_key(int(time.time() * 1000) + SKEW_MS + 3_600_000), "evt_" + "f" * 32):
        with pytest.raises(ValidationError, match="yet to come"):
            read(id=ahead)


@pytest.mark.parametrize("data", [None, [], "x", 1, True])
def test_data_is_an_object(data: Any) -> None:
    with pytest.raises(ValidationError):
        read(data=data)


@pytest.mark.parametrize("subject", ["", "a\nb", "a\x00", "x" * 257, "\x7f"])
def test_a_subject_has_no_control_characters_and_an_end(subject: str) -> None:
    with pytest.raises(ValidationError):
        read(subject=subject)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2026-01-31T08:15:00Z", "2026-01-31T08:15:00.000Z"),
        ("2026-01-31t08:15:00.5z", "2026-01-31T08:15:00.500Z"),
        ("2026-01-31T08:15:00.123456789+01:00", "2026-01-31T07:15:00.123Z"),
        ("2026-01-01 00:30:00-02:30", "2026-01-01T03:00:00.000Z"),
    ],
)
def test_a_moment_is_kept_in_utc_with_milliseconds(written: str, read_as: str) -> None:
    assert moment(written) == read_as


@pytest.mark.parametrize(
    "text",
    ["", "2026-01-31", "20260131T081500Z", "2026-W05-1T00:00:00Z", "2026-01-31T08:15:00", "2026-02-30T00:00:00Z",
     "2026-01-31T25:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1769847300",
     "٢٠٢٦-01-31T08:15:00Z"],
)  # fmt: skip
def test_what_is_no_moment_of_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="moment"):
        moment(text)
