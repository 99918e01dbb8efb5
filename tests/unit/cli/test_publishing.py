"""Events from files: which forms are read, and how they are put together for calls."""

from __future__ import annotations

import io
import json

import pytest

from edurelay_cli.api.publishing import BATCH_BYTES, BadEvents, batches, read_events

ONE = {"type": "a.b", "data": {"n": 1}}
OTHER = {"type": "a.c", "data": {}, "id": "x", "subject": "s"}


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("", []),
        (json.dumps(ONE), ["a.b"]),
        (json.dumps(ONE, indent=2), ["a.b"]),
        (f"{json.dumps(ONE)}\n\n{json.dumps(OTHER)}\n", ["a.b", "a.c"]),
        (json.dumps([ONE, OTHER]), ["a.b", "a.c"]),
        (json.dumps([ONE, OTHER], indent=2), ["a.b", "a.c"]),
        (json.dumps({"events": [ONE, OTHER]}, indent=2), ["a.b", "a.c"]),
    ],
)
def test_events_come_as_lines_as_one_object_or_as_an_array(text: str, types: list[str]) -> None:
    assert [each.event.type for each in read_events(io.StringIO(text))] == types


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{json.dumps(ONE)}\n{{", "line 2"),
        (f'{json.dumps(ONE)}\n{{"type": "a.b"}}', "line 2: data"),
        ('[{"type": "a.b", "data": {}}, {"type": "a.b", "data": 7}]', "event 2: data"),
        ('{"type": "a.b", "data": {}, "colour": 1}', "line 1: colour"),
        ("7", "line 1"),
        ('{"events": 7}', "no array"),
        ("hello\nworld", "no JSON"),
        ('{"type": "a.b", "data": {"n": NaN}}', "NaN"),
        ('{"type": "a.b", "data": {"n": 99999999999999999999}}', "64-bit"),
        ('{"type": "a.b", "data": {"n": "\\ud800"}}', "surrogates"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_event_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(BadEvents, match=told):
        list(read_events(io.StringIO(text)))


def test_a_batch_has_as_many_events_and_bytes_as_a_call_takes() -> None:
    small = "\n".join([json.dumps(ONE)] * 2500)
    assert [len(each.items) for each in batches(read_events(io.StringIO(small)))] == [1000, 1000, 500]
    large = "\n".join([json.dumps({"type": "a.b", "data": {"text": "ü" * 120_000}})] * 9)
    found = list(batches(read_events(io.StringIO(large))))
    assert [len(each.items) for each in found] == [4, 4, 1]
    assert all(each.size <= BATCH_BYTES for each in found)
