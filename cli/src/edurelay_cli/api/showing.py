"""What is shown: tables and lists of fields for people, JSON lines for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: receivers and publishers choose much of what is shown."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return " ".join(map(cell, value)) or "-"
    if isinstance(value, Mapping):
        return printable(json.dumps(value, ensure_ascii=False)) if value else "-"
    return printable(str(value))


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows below each other; `columns` leads from the heads to the names of the fields."""
    lines = [list(columns), *([cell(row.get(field)) for field in columns.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def fields(found: Mapping[str, Any]) -> str:
    """Return one thing's fields below each other."""
    width = max(map(len, found))
    return "\n".join(f"{name.ljust(width)}  {cell(value)}" for name, value in found.items())


def pretty(value: Any) -> str:
    """Return JSON over several lines."""
    return "\n".join(map(printable, json.dumps(value, indent=2, ensure_ascii=False).split("\n")))


class Show:
    """Prints. `as_json` makes each thing one line of JSON, and leaves out what is said to people."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def rows(self, columns: Mapping[str, str], found: Sequence[BaseModel | Mapping[str, Any]], nothing: str) -> None:
        """Print several things, or `nothing` where there are none."""
        plain = [_plain(each) for each in found]
        if self.as_json:
            for each in plain:
                print(_line(each))
        else:
            print(table(columns, plain) if plain else nothing)

    def one(self, found: BaseModel | Mapping[str, Any]) -> None:
        """Print one thing."""
        print(_line(_plain(found)) if self.as_json else fields(_plain(found)))

    def say(self, text: str) -> None:
        """Tell people something."""
        if not self.as_json:
            print(printable(text))


def _plain(found: BaseModel | Mapping[str, Any]) -> Mapping[str, Any]:
    return found.model_dump(mode="json") if isinstance(found, BaseModel) else found


def _line(found: Mapping[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, default=str)
