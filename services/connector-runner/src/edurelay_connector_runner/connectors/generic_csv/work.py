"""How much work an expression can make of a row, told from the expression alone. Pure.

An expression is short, but one that repeats its input at each step doubles it at each step. So what every step can
give is estimated from above, as a multiple of the row's weight. The weight of a text is its length, or that of the
longest expression where it is shorter; any other value weighs as much as such a short text, and with it whatever is
in it, names included, as often as it stands there. So nothing that an expression itself holds outweighs a row.
"""

from __future__ import annotations

from typing import Any

#: How much all steps of an expression together may give, as a multiple of the row. A row has 256 KiB at most.
MAX_WORK = 1_000

#: JMESPath's functions, and how much heavier than its arguments a result can be. In the text of a JSON value a
#: character can become twelve, and has its quotes and commas beside it; `join` puts its separator between texts.
FUNCTIONS = {
    **dict.fromkeys(("abs", "avg", "ceil", "contains", "ends_with", "floor", "keys", "length", "map", "max"), 1),
    **dict.fromkeys(("max_by", "merge", "min", "min_by", "not_null", "reverse", "sort", "sort_by"), 1),
    **dict.fromkeys(("starts_with", "sum", "to_array", "to_number", "type", "values"), 1),
    "join": 2,
    "to_string": 13,
}

#: The functions that evaluate an expression over each member of a list; nobody else may be given one.
_OVER_EACH = {"map", "max_by", "min_by", "sort_by"}


class TooMuchWork(ValueError):
    """An expression could make too much of a row, or nobody can tell how much. The text says why."""


def work(expression: dict[str, Any]) -> int:
    """Return how much all steps of a parsed expression can give, as a multiple of the row. Raises `TooMuchWork`."""
    estimate = _Estimate()
    estimate.of(expression, 1)
    return estimate.total


class _Estimate:
    """The sum of what the steps of one expression can give."""

    def __init__(self) -> None:
        self.total = 0

    def of(self, node: dict[str, Any], weight: int) -> int:
        """Return how much a node can give over values that together have this weight, which is that of the row or
        a multiple of it. A projection evaluates over the members of a list, which together weigh less than it."""
        given = self._given(node, weight)
        self.total += given
        if self.total > MAX_WORK:
            raise TooMuchWork(
                f"it could make {MAX_WORK} times its size of a row; use no lists of lists, and name things once"
            )
        return given

    def _given(self, node: dict[str, Any], weight: int) -> int:
        children = node["children"]
        match node["type"]:
            case "field" | "current" | "identity" | "index" | "slice":
                return weight
            case "literal":
                return weight * _count(node["value"])
            case "subexpression" | "pipe" | "index_expression" | "flatten" | "projection" | "value_projection":
                for child in children:
                    weight = self.of(child, weight)
                return weight
            case "filter_projection":
                left, right, condition = children
                weight = self.of(left, weight)
                self.of(condition, weight)
                return self.of(right, weight)
            case "or_expression" | "and_expression":
                return max(self.of(child, weight) for child in children)
            case "comparator" | "not_expression":
                for child in children:
                    self.of(child, weight)
                return weight
            case "multi_select_list" | "multi_select_dict":
                return weight + sum(self.of(child, weight) for child in children)
            case "key_val_pair":
                return weight + self.of(children[0], weight)
            case "function_expression":
                return self._given_by(node["value"], children, weight)
            case "expref":
                raise TooMuchWork(f"& belongs into {', '.join(sorted(_OVER_EACH))}")
            case other:
                raise TooMuchWork(f"{other} is no part of an expression here")

    def _given_by(self, function: str, arguments: list[dict[str, Any]], weight: int) -> int:
        if function == "join" and any(argument["type"] != "literal" for argument in arguments[:1]):
            raise TooMuchWork("what join puts between texts has to be a text in quotes")
        over_each = [each for each in arguments if each["type"] == "expref" and function in _OVER_EACH]
        given = weight + sum(self.of(argument, weight) for argument in arguments if argument not in over_each)
        # `sort_by` looks at the first member twice.
        given += sum(self.of(each["children"][0], 2 * given) for each in over_each)
        return FUNCTIONS[function] * given


def _count(value: Any) -> int:
    """Return how many values there are in a literal, with itself and the names in it."""
    if isinstance(value, dict):
        return 1 + sum(1 + _count(inner) for inner in value.values())
    return 1 + sum(map(_count, value)) if isinstance(value, list) else 1
