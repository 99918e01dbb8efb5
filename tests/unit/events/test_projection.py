"""What is left of an event's data where a receiver may see only some of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.projection import MAX_WAYS, checked_path, checked_paths, projected

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


OVERLAPPING = [".".join(way) for way in product("a*", repeat=6)]


def taken(value: Any, paths: list[list[str]]) -> Any:
    """What is left of a value by the definition, each path for itself; None: nothing."""
    if any(not path for path in paths):
        return value
    if isinstance(value, dict):
        below = {
            name: taken(member, [rest for first, *rest in paths if first in (name, "*")])
            for name, member in value.items()
        }
        return {name: left for name, left in below.items() if left is not None} or None
    if isinstance(value, list):
        items = [taken(item, [rest for first, *rest in paths if first == "*"]) for item in value]
        return [left for left in items if left is not None] or None
    return None


SOME = st.recursive(
    st.integers(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc*"), below, max_size=4),
    max_leaves=40,
)
WAYS = st.lists(st.lists(st.sampled_from("ab**"), min_size=1, max_size=6), min_size=1, max_size=20)


@given(st.dictionaries(st.sampled_from("abc*"), SOME, max_size=4), WAYS)
def test_many_paths_taken_together_show_what_each_for_itself_would(data: dict[str, Any], ways: list[list[str]]) -> None:
    assert projected(data, [".".join(way) for way in ways]) == (taken(data, ways) or {})


class Counted(str):
    """A name that counts how often it is looked up."""

    looked_up = 0

    def __hash__(self) -> int:
        Counted.looked_up += 1
        return super().__hash__()


def look_ups(paths: list[str]) -> int:
    """How often 1,000 members are looked up that lie six names deep."""
    data: dict[str, Any] = {Counted(f"m{number}"): {"zz": number} for number in range(1000)}
    for _ in range(6):
        data = {"a": data}
    projected(data, paths)
    before = Counted.looked_up
    projected(data, paths)
    return Counted.looked_up - before


def test_a_member_costs_the_same_however_many_paths_lead_there() -> None:
    assert look_ups([f"{path}.*.zz" for path in OVERLAPPING]) == look_ups(["a.a.a.a.a.a.*.zz"])


def test_a_member_that_no_path_leads_to_costs_no_more() -> None:
    assert look_ups([f"{path}.no" for path in OVERLAPPING]) <= 1000


def diagonal(size: int) -> list[str]:
    """Paths of which each part of the data's names leaves another half."""
    return [".".join("a" if place == own else "*" for place in range(size)) + ".z" for own in range(size)]


@pytest.mark.parametrize(
    "paths", [[f"{path}.*.zz" for path in OVERLAPPING], [f"a{n}.b{n}.c.d.e" for n in range(100)], ["*.*.*.*", "*.id"]]
)
def test_paths_may_overlap(paths: list[str]) -> None:
    assert checked_paths(paths) == paths


def test_paths_that_overlap_in_too_many_ways_are_refused() -> None:
    with pytest.raises(ValueError, match=f"overlap in more than {MAX_WAYS:,} ways"):
        checked_paths(diagonal(12))


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=13, max_size=13), max_size=30))
def test_such_paths_kept_from_before_show_what_they_lead_to_all_the_same(ways: list[list[str]]) -> None:
    data: dict[str, Any] = {}
    for way in ways:
        place = data
        for name in way[:-1]:
            place = place.setdefault(name, {})
        place["z"] = 1
    paths = diagonal(12)
    assert projected(data, paths) == (taken(data, [path.split(".") for path in paths]) or {})
