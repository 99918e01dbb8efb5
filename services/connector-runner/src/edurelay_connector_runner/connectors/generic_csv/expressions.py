"""JMESPath expressions over a row: a row is an object whose members are its columns, all of them text or null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

#: The longest expression, in characters: the parser is recursive.
MAX_EXPRESSION = 512

#: A row as expressions see it: null marks are None.
NullableRow = Mapping[str, str | None]

#: Nodes whose first child alone is evaluated over the row itself; the others see what that child gave.
_LEFT_ONLY = {"pipe", "subexpression", "projection", "filter_projection", "value_projection"}


class ExpressionFailed(ValueError):
    """The expression cannot be evaluated over this row."""


class Expression:
    """One compiled expression: `columns` are the columns that it reads; `column` is set if it is one and no more."""

    def __init__(self, text: str) -> None:
        """Compile `text`. Raises `ValueError` with the parser's own words."""
        try:
            compiled = jmespath.compile(text)
        except (JMESPathError, RecursionError) as error:
            raise ValueError(f"{text!r} is no JMESPath expression: {error}") from error
        self.text = text
        self.columns = tuple(dict.fromkeys(_columns(compiled.parsed)))
        self.column: str | None = compiled.parsed["value"] if compiled.parsed["type"] == "field" else None
        self._search: Callable[[NullableRow], Any] = compiled.search

    def __call__(self, row: NullableRow) -> Any:
        """Evaluate over `row`. Raises `ExpressionFailed`."""
        try:
            return self._search(row)
        except (ValueError, TypeError, ArithmeticError) as error:
            # JMESPath's functions are Python functions: what they raise on odd data is the row's fault.
            raise ExpressionFailed(str(error)) from error


def _columns(node: dict[str, Any]) -> list[str]:
    """Return the members of the row that an expression reads, in the order of reading."""
    if node["type"] == "field":
        return [node["value"]]
    if node["type"] == "expref":
        return []
    children = node["children"][:1] if node["type"] in _LEFT_ONLY else node["children"]
    return [column for child in children if isinstance(child, dict) for column in _columns(child)]
