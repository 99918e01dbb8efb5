"""Expressions see the columns that they name, and nothing else."""

from __future__ import annotations

import pytest

from edurelay_connector_runner.connectors.generic_csv.expressions import Expression, ExpressionFailed


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("name", ("name",)),
        ('"First Name"', ("First Name",)),
        ("join(' ', [first, last][?@]) || username", ("first", "last", "username")),
        ("status == 'Active' && !left_at", ("status", "left_at")),
        ("{a: first}.a", ("first",)),
        ("[first, last] | [0]", ("first", "last")),
        ("map(&foo, [first])", ("first",)),
        ("`1`", ()),
    ],
)
def test_an_expression_knows_the_columns_that_it_reads(text: str, columns: tuple[str, ...]) -> None:
    assert Expression(text).columns == columns


def test_an_expression_sees_no_column_that_it_does_not_name() -> None:
    expression = Expression("[name, keys(@)]")
    assert expression("Ann") == ["Ann", ["name"]]


def test_a_plain_column_is_known_as_one() -> None:
    assert Expression('"First Name"').column == "First Name"
    assert Expression("upper || lower").column is None


@pytest.mark.parametrize("text", ["", "a ||", "nothing(a)[", "'open", "(" * 400])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no JMESPath expression"):
        Expression(text)


def test_a_function_that_does_not_exist_is_found_before_any_row_is_read() -> None:
    with pytest.raises(ValueError, match="calls capitalize"):
        Expression("[capitalize(name)] | [0]")


@pytest.mark.parametrize("text", ["join(' ', [a])", "abs(a)"])
def test_an_expression_that_a_row_does_not_fit_fails_for_this_row(text: str) -> None:
    with pytest.raises(ExpressionFailed):
        Expression(text)(None)
