"""No accepted expression can make more of a row than was told from the expression alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import jmespath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jmespath.functions import Functions
from jmespath.visitor import TreeInterpreter

from edurelay_connector_runner.connectors.generic_csv.expressions import MAX_EXPRESSION, Expression
from edurelay_connector_runner.connectors.generic_csv.work import FUNCTIONS, MAX_WORK, TooMuchWork, work

_LEAVES = st.sampled_from(["a", "b", "@", "'text'", '`[1, [2, {"a": 3}]]`', '`{"a": "\\u0001", "b": null}`', "`2`"])


def _compound(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.lists(part, min_size=1, max_size=4)
    inner = st.sampled_from(["*", "?{}", "0", "-1", "::2", "1:", ""])
    return st.one_of(
        st.builds("[{}]".format, parts.map(", ".join)),
        st.builds("{{a: {}, b: {}}}".format, part, part),
        st.builds("({}) | ({})".format, part, part),
        st.builds("({}){}({})".format, part, st.sampled_from([" || ", " && ", " == ", " < ", " != "]), part),
        st.builds("({}).[{}]".format, part, parts.map(", ".join)),
        st.builds("({}).*.[{}]".format, part, part),
        st.builds("({}).a".format, part),
        st.builds("!({})".format, part),
        st.builds(lambda left, how, of: f"({left})[{how.format(of)}]", part, inner, part),
        st.builds(lambda left, how, of: f"({left})[{how.format(of)}].[{of}, @]", part, inner, part),
        st.builds(
            "{}({})".format,
            st.sampled_from(["to_string", "to_array", "values", "keys", "reverse", "length", "sort", "type", "sum"]),
            part,
        ),
        st.builds("{}({})".format, st.sampled_from(["merge", "not_null"]), parts.map(", ".join)),
        st.builds("contains({}, {})".format, part, part),
        st.builds("join('---', {})".format, part),
        st.builds("map(&({}), {})".format, part, part),
        st.builds("{}({}, &({}))".format, st.sampled_from(["sort_by", "max_by", "min_by"]), part, part),
    )


_EXPRESSIONS = st.recursive(_LEAVES, _compound, max_leaves=24)
_TEXTS = st.none() | st.sampled_from(["", "x", '"\\"', "\x01" * 600, "\U0001f600" * 700, "7" * 900])


class _Weighing(TreeInterpreter):  # type: ignore[misc]  # JMESPath has no types.
    """Evaluates as JMESPath does, and adds up what every step gives."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = 0

    def visit(self, node: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        value = super().visit(node, *args, **kwargs)
        if node["type"] != "expref":
            self.weight += _weight(value)
        return value


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return MAX_EXPRESSION + sum(max(len(name), MAX_EXPRESSION) + _weight(inner) for name, inner in value.items())
    if isinstance(value, list):
        return MAX_EXPRESSION + sum(map(_weight, value))
    return max(len(value) if isinstance(value, str) else 0, MAX_EXPRESSION)


@settings(max_examples=500)
@given(_EXPRESSIONS, _TEXTS, _TEXTS)
def test_all_steps_together_give_no_more_than_was_told(text: str, a: str | None, b: str | None) -> None:
    parsed = jmespath.compile(text).parsed
    try:
        told = work(parsed)
    except TooMuchWork:
        return
    row, weighing = {"a": a, "b": b}, _Weighing()
    with suppress(ValueError, TypeError):  # What was done before a failure counts, too.
        weighing.visit(parsed, row)
    assert weighing.weight <= told * _weight(row)


@pytest.mark.parametrize(
    "text",
    [
        "[a,a]" + "|[@,@][]" * 18,
        "[a,a]" + "|[@,@]" * 40 + "|to_string(@)",
        "[a,a]" + "|[@,@]" * 40 + "|@==@",
        "[a,a]" + "|[@,@]" * 40 + "|contains(@, 'x')",
        "[a]" + "|{a:@,b:@}|[a,b][]" * 20,
        "[a,a]" + "|[[*],[*]][]" * 18,
        "[a,a]" + "|@[?[@,@]].[@,@][]" * 18,
        "[a]" + "|map(&[@,@],@)[]" * 20,
        "[to_string([a])]" + "|[to_string(@)]" * 20,
        "[join('',[a,a])]" + "|[join('',[@[0],@[0]])]" * 18,
        "@" + "[]" * 240,
        "join(a, [a, a])",
        "not_null(&[@,@]) | map(@, `[1]`)",
        "`[" + "[]," * 150 + "1]`|[@,@,@,@,@,@,@,@]",
    ],
)
def test_an_expression_that_grows_at_each_step_is_refused_before_any_row_is_read(text: str) -> None:
    # How deep the parser may go depends on who calls it.
    with pytest.raises(ValueError, match=r"cannot be used: |recursion") as refused:
        Expression(text)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "join(' ', [" + ", ".join(f"c{n}" for n in range(40)) + "][?@ && @ != 'n/a' && @ != 'unknown'])",
        "to_string({street: street, number: number, city: city, zip: zip, region: region, country: country})",
        " || ".join(f"role == 'a role with the number {n}'" for n in range(13)),
    ],
)
def test_an_expression_that_reads_much_and_repeats_nothing_is_taken(text: str) -> None:
    assert Expression(text).columns


def test_the_bound_is_named() -> None:
    with pytest.raises(TooMuchWork, match=f"could make {MAX_WORK} times its size of a row"):
        work(jmespath.compile("[a,a]" + "|[@,@][]" * 18).parsed)


def test_a_part_that_jmespath_does_not_have_yet_is_refused() -> None:
    with pytest.raises(TooMuchWork, match="let_expression is no part of an expression here"):
        work({"type": "let_expression", "children": []})


def test_every_function_of_jmespath_has_its_weight() -> None:
    assert FUNCTIONS.keys() == Functions.FUNCTION_TABLE.keys()
