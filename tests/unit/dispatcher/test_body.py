"""The bodies of deliveries: the event's bytes as they are, in one of two envelopes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.envelope import Event
from edurelay.messages.subscriptions import BodyFormat
from edurelay_cli.contracts.asyncapi import HEADERS
from edurelay_webhook_dispatcher.body import body_of, format_fields, format_of, kept_format

DATA = b'{ "b": 1.10,\n "a": "\\u00e9\xc3\xa9", "big": 12345678901234567890 }'
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(**fields: str) -> Event:
    given = {"id": "evt_1", "type": "student.created", "source": "/edurelay", "tenant": "north", "time": "t", **fields}
    return Event(**given, data=DATA)  # type: ignore[arg-type]


def test_the_documented_body_holds_the_data_byte_for_byte() -> None:
    assert body_of(event(), BodyFormat.EDURELAY) == (
        b'{"id":"evt_1","event":"student.created","timestamp":"t","data":' + DATA + b"}"
    )


def test_a_cloudevent_holds_the_data_byte_for_byte_and_every_attribute_of_the_log() -> None:
    body = body_of(event(subject="s1", traceparent=TRACE), BodyFormat.CLOUDEVENTS)
    assert body.endswith(b',"data":' + DATA + b"}")
    attributes = orjson.loads(body)
    assert attributes.pop("data") == orjson.loads(DATA)
    assert attributes == {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "/edurelay",
        "type": "student.created",
        "subject": "s1",
        "time": "t",
        "tenant": "north",
        "traceparent": TRACE,
        "datacontenttype": "application/json",
    }
    declared = {name.removeprefix("ce_") for name in HEADERS["properties"]} - {"content-type", "maybe-repeated"}
    assert attributes.keys() - {"datacontenttype"} == declared


def test_a_cloudevent_leaves_out_what_the_event_does_not_have() -> None:
    assert orjson.loads(body_of(event(), BodyFormat.CLOUDEVENTS)).keys().isdisjoint({"subject", "traceparent"})


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")), st.sampled_from(BodyFormat))
def test_a_body_reads_as_what_was_put_in_and_tells_its_format(name: str, subject: str, chosen: BodyFormat) -> None:
    body = body_of(event(id=name, subject=subject), chosen)
    assert orjson.loads(body)["id"] == name
    assert format_of(body) is chosen
    assert kept_format(format_fields(body)) is chosen


@pytest.mark.parametrize("data", [b'{"specversion":"1.0"}', b'"{\\"specversion\\":\\"1.0\\","', b"null"])
def test_what_the_data_says_of_formats_counts_for_nothing(data: bytes) -> None:
    assert format_of(body_of(Event("i", "t", "s", "n", "t", data))) is BodyFormat.EDURELAY
