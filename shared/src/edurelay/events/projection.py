"""What is left of an event's data where a receiver may see only some of it. Pure.

A path is dotted names from the top of `data`: `name`, `attributes.email`, `items.*.id`. It takes what stands there
with all that is below it. `*` stands for each member of an object and for each item of a list; nothing else leads into
a list. What no path leads to is not there: neither its name, nor that an item of a list was there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

MAX_PATHS = 100
MAX_PATH_LENGTH = 256

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


@lru_cache(maxsize=4096)
def tree_of(paths: tuple[str, ...]) -> Tree:
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


def projected(data: Any, paths: Sequence[str]) -> dict[str, Any]:
    """Return what the paths take of an event's data."""
    left = _part(data, [tree_of(tuple(paths))])
    return left if isinstance(left, dict) else {}


def _part(value: Any, trees: list[Tree]) -> Any:
    """Return what any of the trees takes of a value, or `_NOTHING`."""
    if isinstance(value, dict):
        members = {
            name: part for name, member in value.items() if (part := _member(member, trees, name)) is not _NOTHING
        }
        return members or _NOTHING
    if isinstance(value, list):
        items = [part for item in value if (part := _member(item, trees, None)) is not _NOTHING]
        return items or _NOTHING
    return _NOTHING


def _member(value: Any, trees: list[Tree], name: str | None) -> Any:
    """The same for a member of that name, or for an item of a list (None)."""
    below = [tree[key] for tree in trees for key in {name, "*"} if key is not None and key in tree]
    deeper = [tree for tree in below if tree is not None]
    if len(deeper) < len(below):
        return value
    return _part(value, deeper) if deeper else _NOTHING
