"""JMESPath expressions over a row.

To an expression the row is an object of text or null, whose members are the columns that the expression names, and
no others. So its value depends on these columns alone, and no column gets out that nobody named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from edurelay_connector_runner.connectors.generic_csv.work import FUNCTIONS, TooMuchWork, work

#: The longest expression, in characters: the parser is recursive.
MAX_EXPRESSION = 512

#: Nodes whose first child alone is evaluated over the row itself; the others see what that child gave.
_LEFT_ONLY = {"pipe", "subexpression", "projection", "filter_projection", "value_projection"}


class ExpressionFailed(ValueError):
    """The expression cannot be evaluated over this row."""


class Expression:
    """One compiled expression: `columns` are the columns that it reads; `column` is set if it is one and no more."""

    def __init__(self, text: str) -> None:
        """Compile `text`. Raises `ValueError` with the parser's own words, or where it could make too much of a row."""
        try:
            compiled = jmespath.compile(text)
            called = _functions(compiled.parsed)
        except (JMESPathError, RecursionError) as error:
            raise ValueError(f"{text!r} is no JMESPath expression: {error}") from error
        unknown = sorted(called - FUNCTIONS.keys())
        if unknown:
            raise ValueError(f"{text!r} calls {unknown[0]}, which JMESPath does not have")
        try:
            work(compiled.parsed)
        except (TooMuchWork, RecursionError) as error:
            raise ValueError(f"{text!r} cannot be used: {error}") from error
        self.columns = tuple(dict.fromkeys(_columns(compiled.parsed)))
        self.column: str | None = compiled.parsed["value"] if compiled.parsed["type"] == "field" else None
        self._search: Callable[[dict[str, str | None]], Any] = compiled.search

    def __call__(self, *texts: str | None) -> Any:
        """Evaluate over a row in which `columns` hold `texts`. Raises `ExpressionFailed`."""
        try:
            return self._search(dict(zip(self.columns, texts, strict=True)))
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


def _functions(node: dict[str, Any]) -> set[str]:
    """Return the functions that an expression calls."""
    own = {node["value"]} if node["type"] == "function_expression" else set()
    return own.union(*(_functions(child) for child in node["children"] if isinstance(child, dict)))
