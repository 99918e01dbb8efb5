"""Composite keys: several columns as one external id, and back, without two keys ever becoming one."""

from __future__ import annotations

from collections.abc import Sequence

_ESCAPE = "\\"


def join_key(parts: Sequence[str], separator: str) -> str:
    """Return the external id of these key columns. One column is its own id; of several, each separator and each
    backslash inside a part gets a backslash before it, so that `a:b` + `c` and `a` + `b:c` stay two keys."""
    if len(parts) == 1:
        return parts[0]
    return separator.join(
        part.replace(_ESCAPE, _ESCAPE * 2).replace(separator, _ESCAPE + separator)
        if separator in part or _ESCAPE in part
        else part
        for part in parts
    )


def split_key(key: str, count: int, separator: str) -> list[str]:
    """Return the `count` columns of which `join_key` made this id. Raises `ValueError` where it made none such."""
    if count == 1:
        return [key]
    parts = [""]
    characters = iter(key)
    for character in characters:
        if character == _ESCAPE:
            parts[-1] += next(characters, "")
        elif character == separator:
            parts.append("")
        else:
            parts[-1] += character
    if len(parts) != count or join_key(parts, separator) != key:
        raise ValueError(f"the id {key!r} has not the {count} parts of this key, joined by {separator!r}")
    return parts
