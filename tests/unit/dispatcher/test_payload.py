"""What an endpoint gets of an event."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from edurelay.events.envelope import Event
from edurelay.messages.subscriptions import PayloadMode
from edurelay_webhook_dispatcher.payload import Payloads
from unit.dispatcher.subscribing import subscription

#: Written as no serializer would, to tell a copy from what was read and written again.
DATA = b'{ "student_id" : "s1", "email": "ana@example.org", "score": 1e2 }'


def event(data: bytes = DATA, **fields: Any) -> Event:
    given: dict[str, Any] = {"id": "evt_1", "type": "student.created", "source": "/", "tenant": "t", **fields}
    return Event(time="2026-01-15T10:30:00.000Z", data=data, **given)


def body(of: Event, **fields: Any) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(Payloads(of).of(subscription(**fields)).body)
    return read


def test_who_gets_all_gets_the_bytes_of_the_log() -> None:
    whole = b'{"id":"evt_1","event":"student.created","timestamp":"2026-01-15T10:30:00.000Z","data":%b}' % DATA
    assert Payloads(event()).of(subscription()).body == whole


def test_bytes_that_nobody_could_read_are_copied_all_the_same() -> None:
    assert Payloads(event(b"{")).of(subscription()).body.endswith(b'"data":{}')


def test_an_allow_list_leaves_what_it_names() -> None:
    assert body(event(), fields=["student_id", "score"])["data"] == {"student_id": "s1", "score": 100.0}
    assert body(event(), fields=["missing"])["data"] == {}


def test_thin_is_the_ids_and_the_subject() -> None:
    assert body(event(subject="s1"), payload=PayloadMode.THIN) == {
        "id": "evt_1",
        "event": "student.created",
        "timestamp": "2026-01-15T10:30:00.000Z",
        "subject": "s1",
        "data": {"student_id": "s1"},
    }
    assert "subject" not in body(event(), payload=PayloadMode.THIN)


def test_thin_and_an_allow_list_each_leave_out_their_own() -> None:
    both = {"payload": PayloadMode.THIN, "fields": ["email", "score"]}
    assert body(event(), **both)["data"] == {}


@pytest.mark.parametrize("narrow", [{"payload": PayloadMode.THIN}, {"fields": ["*"]}])
@pytest.mark.parametrize("data", [b"{", b"", b"null", b"[1]", b'"text"'])
def test_of_data_that_is_no_object_a_narrowed_endpoint_gets_nothing(data: bytes, narrow: dict[str, Any]) -> None:
    assert body(event(data), **narrow)["data"] == {}


def test_the_connection_whose_ids_are_wanted_goes_along() -> None:
    payloads = Payloads(event())
    assert payloads.of(subscription(ids="con_1")).ids == "con_1"
    assert payloads.of(subscription()).ids is None
