"""The types of a column: from text to a value and back.

`parse` takes what a column or an expression gave and returns the value; `render` returns the text from which `parse`
makes that value again. Both raise `ValueError` with a reason that people can read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
_INT64 = 2**63
#: How much of a value a reason shows.
_SHOWN = 80
#: What in a date format says that there is a time of day, and that there is an offset from UTC.
_TIME_OF_DAY = re.compile(r"(?<!%)(?:%%)*%[HIMSfpcX]")
_OFFSET = re.compile(r"(?<!%)(?:%%)*%z")


class ValueType(Protocol):
    """One type of a column."""

    def parse(self, value: Any) -> Any:
        """Return the value that `value` stands for."""

    def render(self, value: Any) -> str:
        """Return the text of a value."""


class TextType:
    """Text, as it stands."""

    def parse(self, value: Any) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is no text")
        return value

    def render(self, value: Any) -> str:
        """Return the text."""
        return self.parse(value)


class IntegerType:
    """A whole number of at most 64 bits."""

    def parse(self, value: Any) -> int:
        """Return the number."""
        if isinstance(value, str):
            if not _INTEGER.fullmatch(value):
                raise ValueError(f"{shown(value)} is no whole number")
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"{shown(value)} is no whole number")
        if not -_INT64 <= value < _INT64:
            raise ValueError(f"{value} has more than 64 bits")
        return value

    def render(self, value: Any) -> str:
        """Return the number in digits."""
        return str(self.parse(value))


class NumberType:
    """A number with a decimal mark, finite."""

    def __init__(self, decimal: str = ".") -> None:
        self._decimal = decimal
        self._to_point = str.maketrans({decimal: ".", ".": decimal})

    def parse(self, value: Any) -> float:
        """Return the number."""
        if isinstance(value, str):
            text = value.translate(self._to_point)
            if not _NUMBER.fullmatch(text):
                raise ValueError(f"{shown(value)} is no number")
            value = float(text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{shown(value)} is no number")
        number = float(value)
        if not math.isfinite(number):
            raise ValueError("the number is too large")
        return number

    def render(self, value: Any) -> str:
        """Return the shortest text that stands for exactly this number."""
        return repr(self.parse(value)).replace(".", self._decimal)


class BooleanType:
    """Yes or no, by marks that are compared without regard to case. The first mark of each is the one written."""

    def __init__(self, true: Sequence[str], false: Sequence[str]) -> None:
        self._values = {mark.casefold(): True for mark in true} | {mark.casefold(): False for mark in false}
        self._texts = {True: true[0], False: false[0]}

    def parse(self, value: Any) -> bool:
        """Return the boolean."""
        if isinstance(value, bool):
            return value
        found = self._values.get(value.casefold()) if isinstance(value, str) else None
        if found is None:
            raise ValueError(f"{shown(value)} is none of the marks for true and false")
        return found

    def render(self, value: Any) -> str:
        """Return the first mark."""
        if not isinstance(value, bool):
            raise ValueError(f"{shown(value)} is neither true nor false")
        return self._texts[value]


class DateType:
    """A day, or a moment. Formats are those of `strptime`, tried in their order, in reading as in writing.

    A day becomes `2024-03-31`. A moment, which is what a format with a time of day gives, becomes UTC: from its own
    offset (`%z`), or from `zone`.
    """

    def __init__(self, formats: Sequence[str], zone: str | None = None) -> None:
        """Raises `ValueError` for a format of a moment that says nothing of its offset from UTC."""
        self._formats = tuple(formats)
        self._zone = _zone(zone) if zone else None
        for format_ in formats:
            if has_time(format_) and not _OFFSET.search(format_) and self._zone is None:
                raise ValueError(f"the format {format_!r} has a time of day; it needs %z, or a zone")

    def parse(self, value: Any) -> str:
        """Return the day or the moment in the one form that Edurelay knows."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is no date")
        return self._parse_text(value)

    def render(self, value: Any) -> str:
        """Return a day or a moment in the first format that can hold it."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is no date")
        moment = datetime.fromisoformat(value)
        for format_ in self._formats:
            if has_time(format_) == (moment.tzinfo is not None):
                at = moment.astimezone(self._zone or UTC) if has_time(format_) else moment
                text = at.strftime(format_)
                if self._parse_text(text) == value:
                    return text
        raise ValueError(f"{shown(value)} cannot be written as {' or '.join(self._formats)}")

    def _parse_text(self, text: str) -> str:
        for format_ in self._formats:
            try:
                # A format without an offset is a day, or gets its zone below.
                moment = datetime.strptime(text, format_)  # noqa: DTZ007
                if not has_time(format_):
                    return moment.date().isoformat()
                if moment.tzinfo is None:
                    moment = moment.replace(tzinfo=self._zone)
                return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
            except (ValueError, OverflowError):
                continue
        raise ValueError(f"{shown(text)} is no date of the form {' or '.join(self._formats)}")


class ListType:
    """Several texts in one column. An item is never empty."""

    def __init__(self, separator: str) -> None:
        self._separator = separator

    def parse(self, value: Any) -> list[str]:
        """Return the items."""
        if isinstance(value, str):
            value = value.split(self._separator)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"{shown(value)} is no list of texts")
        return [item for item in (item.strip() for item in value) if item]

    def render(self, value: Any) -> str:
        """Return the items, joined."""
        return self._separator.join(self.parse(value))


def shown(value: Any) -> str:
    """Return a value as a reason shows it: quoted, and not longer than a line."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def has_time(format_: str) -> bool:
    """Say whether a date format has a time of day."""
    return _TIME_OF_DAY.search(format_) is not None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone of the IANA database") from error
