"""An endpoint's fields as options."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from edurelay_cli.api.fields import FIELDS, field_arguments, given_fields


def given(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    field_arguments(parser)
    return given_fields(parser.parse_args(words))


def test_what_is_not_given_is_left_alone() -> None:
    assert given() == {}


def test_options_become_the_fields_of_the_api() -> None:
    assert given(
        "--description", "d", "--profile", "standard", "--profile", "hub256", "--header", "X-A: b:c",
        "--rate", "2.5", "--in-flight", "3", "--schedule", "0,5,60",
    ) == {
        "description": "d",
        "signature_profiles": ["standard", "hub256"],
        "headers": {"X-A": "b:c"},
        "rate_per_second": 2.5,
        "max_in_flight": 3,
        "retry_schedule": [0, 5, 60],
    }  # fmt: skip


def test_limits_can_be_lifted() -> None:
    assert given("--rate", "none", "--schedule", "default") == {"rate_per_second": None, "retry_schedule": None}


def test_any_field_can_be_set_as_json_or_as_plain_text() -> None:
    assert given("--set", 'headers={"A": "b"}', "--set", "description=plain", "--set", "rate_per_second=null") == {
        "headers": {"A": "b"},
        "description": "plain",
        "rate_per_second": None,
    }
    assert "event_types" in FIELDS


@pytest.mark.parametrize(
    "words", [("--set", "colour=1"), ("--set", "headers"), ("--header", "X"), ("--rate", "x"), ("--schedule", "0,x")]
)
def test_what_is_no_field_is_wrong_usage(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        given(*words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err
