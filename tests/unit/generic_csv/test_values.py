"""Types: what a text stands for, what it does not, and how a value is written again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.generic_csv.values import (
    BooleanType,
    DateType,
    IntegerType,
    ListType,
    NumberType,
    TextType,
    ValueType,
)

YES_NO = BooleanType(["Y", "yes"], ["N", "no"])
AMERICAN = DateType(["%m/%d/%Y", "%Y-%m-%d"])
MOMENT = DateType(["%Y-%m-%d %H:%M"], "America/Santiago")


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (TextType(), " Ann ", " Ann "),
        (IntegerType(), "-17", -17),
        (IntegerType(), str(2**63 - 1), 2**63 - 1),
        (NumberType(), "1.5e3", 1500.0),
        (NumberType(","), "1,5", 1.5),
        (YES_NO, "YES", True),
        (YES_NO, "n", False),
        (AMERICAN, "7/1/2017", "2017-07-01"),
        (AMERICAN, "2017-07-01", "2017-07-01"),
        (MOMENT, "2024-01-15 09:00", "2024-01-15T12:00:00Z"),
        (DateType(["%Y-%m-%dT%H:%M:%S%z"]), "2024-01-15T09:00:00+02:00", "2024-01-15T07:00:00Z"),
        (ListType(";"), "art; music;", ["art", "music"]),
    ],
)
def test_a_text_becomes_its_value(type_: ValueType, text: str, value: Any) -> None:
    assert type_.parse(text) == value


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        (IntegerType(), "1.0"),
        (IntegerType(), "1_000"),
        (IntegerType(), "٣"),
        (IntegerType(), str(2**63)),
        (IntegerType(), ""),
        (NumberType(), "nan"),
        (NumberType(), "inf"),
        (NumberType(), "1e999"),
        (NumberType(), "1,5"),
        (NumberType(","), "1.5"),
        (NumberType(), " 1"),
        (YES_NO, "maybe"),
        (AMERICAN, "31/12/2017"),
        (AMERICAN, "2017-02-30"),
        (MOMENT, "2024-01-15"),
    ],
)
def test_a_text_that_is_no_value_is_refused_with_a_reason(type_: ValueType, text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|is none|more than|too large"):
        type_.parse(text)


def test_a_long_text_is_not_repeated_whole_in_the_reason() -> None:
    with pytest.raises(ValueError, match="is no whole number") as caught:
        IntegerType().parse("x" * 60_000)
    assert len(str(caught.value)) < 200


def test_a_moment_without_any_zone_is_refused_beforehand() -> None:
    with pytest.raises(ValueError, match="needs %z, or a zone"):
        DateType(["%d.%m.%Y %H:%M"])
    with pytest.raises(ValueError, match="no time zone"):
        DateType(["%d.%m.%Y %H:%M"], "Mars/Olympus")


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(".,"))
def test_a_number_is_written_so_that_it_is_the_same_again(number: float, decimal: str) -> None:
    type_ = NumberType(decimal)
    again = type_.parse(type_.render(number))
    assert again == number
    assert math.copysign(1, again) == math.copysign(1, number)


@settings(deadline=None)
@given(st.dates())
def test_a_day_is_written_in_the_first_format_and_is_the_same_again(day: Any) -> None:
    iso = DateType(["%Y-%m-%d"])
    try:
        text = AMERICAN.render(day.isoformat())
    except ValueError:
        # The C library does not pad the years before 1000, and strptime asks for four digits.
        assert day.year < 1000
        return
    assert AMERICAN.parse(text) == day.isoformat() == iso.parse(day.isoformat())


@settings(deadline=None)
@given(st.datetimes(timezones=st.none()).filter(lambda moment: 1900 < moment.year < 2200))
def test_a_moment_is_written_in_its_zone_or_not_at_all(moment: Any) -> None:
    text = moment.replace(second=0, microsecond=0).isoformat() + "Z"
    try:
        rendered = MOMENT.render(text)
    except ValueError:
        # An hour that the clocks run through twice has two moments for one text.
        return
    assert MOMENT.parse(rendered) == text


def test_a_day_has_no_time_of_day_to_write() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        MOMENT.render("2024-01-15")
    with pytest.raises(ValueError, match="cannot be written"):
        AMERICAN.render("2024-01-15T09:00:00Z")
