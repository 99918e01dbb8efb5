"""What a plugin or a script of a school may send."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.moodle.webhooks import MAX_KEYS, parse
from edurelay_connector_runner.sdk import BadRecord

#: The machine may be busy with other things; that says nothing about the rule.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

STREAMS = frozenset({"students", "courses"})


def test_one_change_and_several_changes() -> None:
    [change] = parse(b'{"stream": "students", "keys": ["315", 316]}', STREAMS)
    assert (change.stream, change.keys) == ("students", ["315", "316"])
    body = b'[{"stream": "students", "keys": ["1"]}, {"stream": "courses", "keys": ["2"]}]'
    assert [change.stream for change in parse(body, STREAMS)] == ["students", "courses"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b"nonsense", None),
        (b"[]", None),
        (b"7", None),
        (b"{}", "stream"),
        (b'{"stream": "people", "keys": ["1"]}', "stream"),
        (b'{"stream": "students"}', "keys"),
        (b'{"stream": "students", "keys": []}', "keys"),
        (b'{"stream": "students", "keys": [null]}', "keys"),
        (b'{"stream": "students", "keys": [true]}', "keys"),
        (b'{"stream": "students", "keys": [""]}', "keys"),
        (b'{"stream": "students", "keys": "315"}', "keys"),
        (b'{"stream": "students", "keys": [' + b", ".join([b"1"] * (MAX_KEYS + 1)) + b"]}", "keys"),
    ],
)
def test_what_makes_no_sense_names_its_field(body: bytes, field: str | None) -> None:
    with pytest.raises(BadRecord) as caught:
        parse(body, STREAMS)
    assert caught.value.field == field


@settings(UNHURRIED)
@given(st.binary(max_size=100))
def test_no_body_makes_anything_but_changes_or_a_bad_record(body: bytes) -> None:
    with suppress(BadRecord):
        assert parse(body, STREAMS)
