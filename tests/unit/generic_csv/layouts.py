"""Layouts and rows for the tests of this folder."""

from __future__ import annotations

from typing import Any

from edurelay_connector_runner.connectors.generic_csv.layout import Layout
from edurelay_connector_runner.connectors.generic_csv.shape import Shape

STUDENTS: dict[str, Any] = {
    "entity_type": "student",
    "files": "students.csv",
    "key": ["id"],
    "fields": {"name": "name"},
}


def layout_of(stream: dict[str, Any] | None = None, **layout: Any) -> Layout:
    """Return a layout of one stream: plain students, and what differs from them."""
    return Layout.model_validate({"streams": {"rows": {**STUDENTS, **(stream or {})}}, **layout})


def shape_of(stream: dict[str, Any] | None = None, **layout: Any) -> Shape:
    """Return that stream, compiled."""
    return Shape(layout_of(stream, **layout), "rows")
