"""What is left of an event's data where a receiver may see only some of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.projection import checked_path, projected

NAMES = st.sampled_from(["a", "b", "c", "*", "d e"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=15,
)
DATA = st.dictionaries(NAMES, JSON, max_size=4)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map(".".join), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("paths", "left"),
    [
        (["name"], {"name": "Ana"}),
        (["attributes.email"], {"attributes": {"email": "a@b"}}),
        (["attributes"], {"attributes": {"email": "a@b", "phone": "1"}}),
        (["attributes", "attributes.email"], {"attributes": {"email": "a@b", "phone": "1"}}),
        (["items.*.id"], {"items": [{"id": 1}, {"id": 2}]}),
        (["items.*"], {"items": [{"id": 1, "price": 5}, {"id": 2}, "x"]}),
        (["items.id"], {}),
        (["*.email"], {"attributes": {"email": "a@b"}}),
        (["*.*"], {"attributes": {"email": "a@b", "phone": "1"}, "items": [{"id": 1, "price": 5}, {"id": 2}, "x"]}),
        (["nothing", "name.first"], {}),
        (["attributes.*", "name"], {"name": "Ana", "attributes": {"email": "a@b", "phone": "1"}}),
    ],
)
def test_a_path_takes_what_stands_there_and_nothing_else(paths: list[str], left: dict[str, Any]) -> None:
    data = {
        "name": "Ana",
        "attributes": {"email": "a@b", "phone": "1"},
        "items": [{"id": 1, "price": 5}, {"id": 2}, "x"],
    }
    assert projected(data, paths) == left


def leaves(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every end of a value with the names that lead there, `*` for each item of a list."""
    below = value.items() if isinstance(value, dict) else [("*", item) for item in value]
    for name, member in below:
        if isinstance(member, dict | list) and member:
            yield from leaves(member, (*way, name))
        else:
            yield (*way, name), member


def allowed(way: tuple[str, ...], paths: list[str]) -> bool:
    parts = [path.split(".") for path in paths]
    return any(len(path) <= len(way) and all(p in ("*", w) for p, w in zip(path, way, strict=False)) for path in parts)


@given(DATA, PATHS)
def test_nothing_is_shown_that_no_path_leads_to(data: dict[str, Any], paths: list[str]) -> None:
    for way, _ in leaves(projected(data, paths)):
        assert allowed(way, paths)


@given(DATA, PATHS)
def test_everything_is_shown_that_a_path_leads_to(data: dict[str, Any], paths: list[str]) -> None:
    wanted = [leaf for leaf in leaves(data) if allowed(leaf[0], paths)]
    assert list(leaves(projected(data, paths))) == wanted


@given(DATA, PATHS)
def test_once_more_changes_nothing(data: dict[str, Any], paths: list[str]) -> None:
    once = projected(data, paths)
    assert projected(once, paths) == once


@given(DATA, PATHS, PATHS)
def test_more_paths_show_no_less(data: dict[str, Any], paths: list[str], more: list[str]) -> None:
    few, many = list(leaves(projected(data, paths))), list(leaves(projected(data, paths + more)))
    assert all(few.count(leaf) <= many.count(leaf) for leaf in few)


@pytest.mark.parametrize("data", [None, 5, "text", [{"a": 1}]])
def test_of_what_is_no_object_nothing_is_left(data: Any) -> None:
    assert projected(data, ["*", "*.a"]) == {}


@pytest.mark.parametrize("path", ["a", "a.b.*", "*", "first name", "ä"])
def test_a_path_is_names_with_dots_between(path: str) -> None:
    assert checked_path(path) == path


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a\n", "a.\x00", "x" * 257])
def test_another_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a path"):
        checked_path(path)
