"""A record that cannot be used becomes a rejection that says why, and its neighbours go on."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.records.conversion import ConvertedPage, convert_page
from edurelay_connector_runner.sdk import Context, Page, Rejection, SourceRecord
from integration.runner.scripted import STUDENTS, Provider, Row, connector_for

GOOD: Row = {"id": "s-1", "name": "Ana"}


def converted(*raws: Any, rejected: tuple[Rejection, ...] = ()) -> ConvertedPage:
    """Convert raw records of the scripted provider."""
    http: Any = None
    connector = connector_for(Provider())(Context({}, {}, http, FileRoots([])))
    records = [SourceRecord(raw, f"students[{place}]", place + 1) for place, raw in enumerate(raws)]
    return convert_page(connector, STUDENTS, Page(records, {}, rejected))


def test_a_good_record_travels_with_its_fields_and_without_the_empty_ones() -> None:
    (record,) = converted(GOOD).records
    assert record.record == {"external_id": "s-1", "attributes": {"name": "Ana", "active": True, "extra": {}}}
    assert record.size > 0


def test_a_bad_record_is_rejected_with_its_field_and_place_and_its_neighbours_go_on() -> None:
    bad = {**GOOD, "bad": True}
    page = converted(GOOD, bad, {**GOOD, "id": "s-2"})
    assert [record.record["external_id"] for record in page.records] == ["s-1", "s-2"]
    assert page.rejected == [
        {"reason": "the record is bad", "field": "bad", "where": "students[1]", "line": 2, "raw": bad}
    ]
    assert page.source == 3


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({**GOOD, "big": 2**63}, "extra.big"),
        ({**GOOD, "huge": 2**70}, "extra.huge"),
        ({**GOOD, "small": -(2**63) - 1}, "extra.small"),
        ({**GOOD, "text": "a\x00b"}, "extra.text"),
        ({**GOOD, "text": "\ud800"}, "extra.text"),
        ({**GOOD, "deep": {"list": [1, {"x": float("nan")}]}}, "extra.deep.list[1].x"),
        ({**GOOD, "$where": 1}, "extra.$where"),
        ({**GOOD, "name": None}, "name"),
        ({**GOOD, "id": ""}, "id"),
        ({**GOOD, "id": "x" * 257}, "id"),
        ({**GOOD, "id": "a\nb"}, "id"),
        ({**GOOD, "id": 7}, "id"),
    ],
)
def test_what_a_later_step_could_not_store_is_rejected_by_its_field(raw: Row, field: str) -> None:
    (rejected,) = converted(raw).rejected
    assert rejected.get("field") == field


def test_a_nest_that_is_too_deep_is_rejected_and_kept_cut() -> None:
    nest: Any = "bottom"
    for _ in range(100):
        nest = [nest]
    (rejected,) = converted({**GOOD, "nest": nest}).rejected
    assert "nested" in rejected["reason"]
    assert "bottom" not in str(rejected["raw"])


def test_a_record_that_is_too_large_is_rejected_and_only_its_beginning_is_kept() -> None:
    (rejected,) = converted({**GOOD, "text": "x" * 300_000}).rejected
    assert "larger" in rejected["reason"]
    assert len(str(rejected["raw"])) <= 64 * 1024


def test_a_connector_that_stumbles_over_a_record_rejects_only_that_one() -> None:
    page = converted({**GOOD, "crash": True}, GOOD)
    assert len(page.records) == 1
    assert "KeyError" in page.rejected[0]["reason"]


def test_a_line_that_is_not_even_a_record_is_rejected_with_line_and_column() -> None:
    page = converted(GOOD, rejected=(Rejection("no closing quote", "s.csv:7", line=7, column=3),))
    assert page.rejected == [{"reason": "no closing quote", "where": "s.csv:7", "line": 7, "column": 3}]
    assert page.source == 2


def test_what_is_kept_of_a_rejected_record_can_be_stored_itself() -> None:
    (rejected,) = converted({**GOOD, "id": "", "a": 2**70, "b": "x\x00\udc00", "c": float("inf"), "d": b"?"}).rejected
    assert rejected["raw"] == {"id": "", "name": "Ana", "a": str(2**70), "b": "x␀\\udc00", "c": "inf", "d": "b'?'"}
