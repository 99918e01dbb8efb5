"""Composite keys: two different keys are never one external id."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edurelay_connector_runner.connectors.generic_csv.keys import join_key, split_key

PARTS = st.lists(st.text(alphabet=st.sampled_from("ab:\\|é"), max_size=6), min_size=1, max_size=4)


def test_the_columns_of_a_key_stand_readable_side_by_side() -> None:
    assert join_key(["AAA", "2013J", "11391"], ":") == "AAA:2013J:11391"


def test_a_key_of_one_column_is_the_column_as_it_stands() -> None:
    assert join_key(["a:b\\c"], ":") == "a:b\\c"


def test_a_separator_inside_a_part_does_not_move_the_border() -> None:
    assert join_key(["a:b", "c"], ":") == r"a\:b:c"
    assert join_key(["a", "b:c"], ":") == r"a:b\:c"


@settings(deadline=None)
@given(PARTS, st.sampled_from(":|a"))
def test_a_key_can_be_taken_apart_again(parts: list[str], separator: str) -> None:
    assert split_key(join_key(parts, separator), len(parts), separator) == parts


@settings(deadline=None)
@given(PARTS, PARTS)
def test_two_keys_are_one_id_only_if_they_are_equal(one: list[str], other: list[str]) -> None:
    if len(one) == len(other):
        assert (join_key(one, ":") == join_key(other, ":")) == (one == other)


@pytest.mark.parametrize("key", ["a", "a:b:c", r"a\b:c", "a:b\\"])
def test_an_id_that_no_two_columns_give_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="has not the 2 parts"):
        split_key(key, 2, ":")
