"""What is left of an event's data where a receiver may see only some of it. Pure.

A path is dotted names from the top of `data`: `name`, `attributes.email`, `items.*.id`. It takes what stands there
with all that is below it. `*` stands for each member of an object and for each item of a list; nothing else leads into
a list. What no path leads to is not there: neither its name, nor that an item of a list was there.

Where names and `*` stand side by side, many paths may lead to one member. They are taken together as one automaton, so
that a member of the data costs one step however many paths there are. Its places are made when data first leads there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

MAX_PATHS = 100
MAX_PATH_LENGTH = 256
#: The ways on from all places that some paths can lead to. Without a `*` there is one for each name.
MAX_WAYS = 2_000

_SEGMENT = re.compile(r"[^.\x00-\x1f\x7f]+")

#: What may be seen below a place: by the member's name or `*`; None: all of it.
Tree: TypeAlias = "dict[str, Tree | None]"

_NOTHING = object()


def checked_path(path: str) -> str:
    """Return the path. Raises `ValueError` where it is none."""
    if len(path) > MAX_PATH_LENGTH:
        raise ValueError(f"a path has at most {MAX_PATH_LENGTH} characters")
    if not all(map(_SEGMENT.fullmatch, path.split("."))):
        raise ValueError("a path is names with dots between them, such as attributes.email or items.*.id")
    return path


def checked_paths(paths: list[str]) -> list[str]:
    """Return the paths. Raises `ValueError` where they overlap in more ways than may be."""
    ways = 0
    for step in _Automaton(paths).steps():
        ways += _ways(step)
        if ways > MAX_WAYS:
            raise ValueError(f"the paths overlap in more than {MAX_WAYS:,} ways: fewer of them, or of their *, will do")
    return paths


def projected(data: Any, paths: Sequence[str]) -> dict[str, Any]:
    """Return what the paths take of an event's data."""
    left = _automaton(tuple(paths)).projected(data)
    return left if isinstance(left, dict) else {}


def _tree_of(paths: Sequence[str]) -> Tree:
    """Return what some paths allow, taken together."""
    root: Tree = {}
    for path in paths:
        *way, last = path.split(".")
        place: Tree | None = root
        for name in way:
            place = place.setdefault(name, {}) if place is not None else None
        if place is not None:
            place[last] = None
    return root


class _Place:
    """Where data can lead to: all trees that allow something below it, and the steps from here that were made. A step
    is by a name that one of the trees has, or by `*` for every other one; None: all of what is there may be seen."""

    __slots__ = ("names", "steps", "trees")

    def __init__(self, trees: list[Tree]) -> None:
        self.trees = trees
        self.names = frozenset(name for tree in trees for name in tree)
        self.steps: dict[str, _Place | None] = {}


def _ways(place: _Place | None) -> int:
    return len(place.trees) or 1 if place is not None else 1


class _Automaton:
    """Some paths, ready for data. It keeps no more than `MAX_WAYS` ways; what is beyond is made anew each time."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._start = _Place([_tree_of(paths)])
        #: The places that were made, by the identities of their trees, all of which the first one holds.
        self._places: dict[frozenset[int], _Place] = {}
        self._ways = 0

    def projected(self, data: Any) -> Any:
        """Return what may be seen of the data, or `_NOTHING`."""
        return self._part(data, self._start)

    def steps(self) -> Iterator[_Place | None]:
        """Yield where each step leads that data can take."""
        places, seen = [self._start], {id(self._start)}
        for place in places:  # Grows while it is gone through.
            for name in place.names | {"*"}:
                step = self._step(place, name)
                yield step
                if step is not None and step.trees and id(step) not in seen:
                    seen.add(id(step))
                    places.append(step)

    def _part(self, value: Any, place: _Place) -> Any:
        if isinstance(value, dict):
            members = {
                name: part
                for name, member in value.items()
                if (part := self._below(member, place, name if name in place.names else "*")) is not _NOTHING
            }
            return members or _NOTHING
        if isinstance(value, list):
            items = [part for item in value if (part := self._below(item, place, "*")) is not _NOTHING]
            return items or _NOTHING
        return _NOTHING

    def _below(self, value: Any, place: _Place, name: str) -> Any:
        step = place.steps[name] if name in place.steps else self._step(place, name)
        if step is None:
            return value
        return self._part(value, step) if step.trees else _NOTHING

    def _step(self, place: _Place, name: str) -> _Place | None:
        below = [tree[key] for tree in place.trees for key in {name, "*"} if key in tree]
        trees = [tree for tree in below if tree is not None]
        same = frozenset(map(id, trees))
        step = None if len(trees) < len(below) else self._places.get(same) or _Place(trees)
        if self._ways < MAX_WAYS:
            self._ways += _ways(step)
            place.steps[name] = step
            if step is not None:
                self._places[same] = step
        return step


@lru_cache(maxsize=256)
def _automaton(paths: tuple[str, ...]) -> _Automaton:
    return _Automaton(paths)
