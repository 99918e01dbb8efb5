"""What an endpoint gets of an event."""

from __future__ import annotations

from itertools import product
from typing import Any

import orjson
import pytest

from edurelay.events.envelope import Event
from edurelay.messages.subscriptions import BodyFormat, PayloadMode
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


CHOICES: list[dict[str, Any]] = [
    {"fields": fields, "payload": mode, "body_format": form}
    for fields, mode, form in product([None, ["student_id"], ["email", "score"]], PayloadMode, BodyFormat)
]


def test_endpoints_that_want_the_same_of_an_event_share_it() -> None:
    payloads = Payloads(event())
    for choice in CHOICES:
        assert payloads.of(subscription("one", **choice)).body is payloads.of(subscription("two", **choice)).body


def test_what_endpoints_want_is_not_mixed_up() -> None:
    payloads = Payloads(event(subject="s1"))
    for choice in CHOICES:
        assert payloads.of(subscription(**choice)) == Payloads(event(subject="s1")).of(subscription(**choice))


def test_only_what_is_left_out_for_the_first_time_takes_reading() -> None:
    payloads = Payloads(event())
    assert payloads.ready(subscription())
    assert not payloads.ready(subscription(fields=["email"]))
    payloads.of(subscription(fields=["email"]))
    payloads.close_data()
    assert payloads.ready(subscription(fields=["email"]))
    assert not payloads.ready(subscription(fields=["score"]))
    assert payloads.of(subscription(fields=["score"])).body.endswith(b'"data":{"score":100.0}}')
