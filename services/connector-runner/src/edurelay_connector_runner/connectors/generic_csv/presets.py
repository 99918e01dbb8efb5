"""Layouts that come with the connector: each is a file in `presets/`, and the file's name is the preset's name."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from edurelay_connector_runner.connectors.generic_csv.layout import Layout

_FOLDER = Path(__file__).parent / "presets"

#: The preset of a connection that names neither a preset nor a layout.
DEFAULT = "edurelay-v1"


def names() -> list[str]:
    """Return the names of all presets."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@cache
def load(name: str) -> Layout:
    """Return a preset. Raises `ValueError` where there is none of this name."""
    if name not in names():
        raise ValueError(f"there is no preset {name!r}; there are {', '.join(names())}")
    return Layout.model_validate(tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8")))
