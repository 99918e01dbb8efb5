"""What an endpoint may be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from edurelay_gateway.endpoints.models import EndpointChange, EndpointCreate

BASE = {"url": "https://receiver.example/hook", "event_types": ["*"]}


def read(**fields: Any) -> EndpointCreate:
    return EndpointCreate.model_validate({**BASE, **fields})


@pytest.mark.parametrize("pattern", ["*", "student.*", "student.created", "*.created", "a.*.b", "a", "a.b.*", "A_1.*"])
def test_a_pattern_is_a_type_in_which_parts_may_be_stars(pattern: str) -> None:
    assert read(event_types=[pattern]).event_types == [pattern]


@pytest.mark.parametrize("pattern", ["", "**", "a*", "student.", ".*", "a.**", "a-b", "*\n"])
def test_another_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        read(event_types=[pattern])


def test_a_repeated_pattern_counts_once() -> None:
    assert read(event_types=["b", "a.*", "b"]).event_types == ["b", "a.*"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Token": "a\r\nX-Evil: 1"},
        {"X-Token": "a\nb"},
        {"X-Token": "a\x00"},
        {"X-Token": "é"},
        {"X Token": "a"},
        {"X-Token:": "a"},
        {"": "a"},
        {"X-Token": "a" * 1025},
        {"Host": "internal"},
        {"content-length": "0"},
        {"Content-Type": "text/plain"},
        {"Transfer-Encoding": "chunked"},
        {"webhook-id": "mine"},
        {"Webhook-Signature": "v1,x"},
        {"X-SkillPassport-Signature": "x"},
        {"x-hub-signature-256": "x"},
        {"X-A": "1", "x-a": "2"},
        {f"x-{number}": "v" for number in range(21)},
    ],
)
def test_a_header_that_could_deceive_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        read(headers=headers)


def test_an_endpoint_may_add_headers_of_its_own() -> None:
    headers = {"Authorization": "Bearer abc", "X-Tenant": "north"}
    assert read(headers=headers).headers == headers


@pytest.mark.parametrize(
    "fields",
    [
        {"event_types": []},
        {"event_types": ["a"] * 101},
        {"signature_profiles": []},
        {"signature_profiles": ["md5"]},
        {"max_in_flight": 0},
        {"max_in_flight": 101},
        {"rate_per_second": 0},
        {"rate_per_second": float("nan")},
        {"retry_schedule": []},
        {"retry_schedule": [-1]},
        {"retry_schedule": [604_801]},
        {"retry_schedule": [1] * 21},
        {"description": "x" * 1001},
        {"url": ""},
        {"condition": "data.name"},
        {"condition": "data.name =="},
        {"condition": "true || " * 300 + "true"},
        {"fields": []},
        {"fields": ["a..b"]},
        {"fields": ["a"] * 101},
        {"fields": [".".join("a" if each == own else "*" for each in range(12)) + ".z" for own in range(12)]},
        {"payload": "thick"},
        {"ids": "no such id!"},
        {"ordering": True},
        {"order": True},
        {"order": {}},
        {"order": {"then": "drop"}},
        {"order": {"by": "type", "then": "skip"}},
        {"order": {"failures": 0, "then": "skip"}},
        {"order": {"failures": 22, "then": "skip"}},
        {"order": {"then": "skip", "else": "park"}},
        {"enabled": None},
    ],
)
def test_bounds_are_kept_and_unknown_fields_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(**fields)


def test_an_order_is_by_subject_and_leaves_the_schedule_to_the_schedule_unless_it_says_otherwise() -> None:
    order = read(order={"then": "park"}).order
    assert order is not None
    assert order.model_dump(mode="json") == {"by": "subject", "failures": None, "then": "park"}


def test_a_change_knows_what_was_said_from_what_was_left_out() -> None:
    change = EndpointChange.model_validate({"rate_per_second": None, "enabled": False})
    assert change.model_fields_set == {"rate_per_second", "enabled"}


@pytest.mark.parametrize("field", ["event_types", "signature_profiles", "headers", "max_in_flight", "enabled"])
def test_a_change_cannot_empty_what_has_to_be_there(field: str) -> None:
    with pytest.raises(ValidationError):
        EndpointChange.model_validate({field: None})
