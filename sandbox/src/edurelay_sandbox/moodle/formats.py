"""Answers as PHP and Moodle write them: JSON in ASCII with escaped slashes, or XML driven by the return type."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from edurelay_sandbox.moodle.errors import MoodleError

#: A return type for XML: None for a value, a list of one type, or a dict of types in order.
Shape = Any

JSON_TYPE = "application/json"
XML_TYPE = "application/xml; charset=utf-8"
_XML_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n'


def as_json(value: Any) -> bytes:
    """Write JSON like PHP's json_encode."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()


def number(value: float | None) -> float | int | None:
    """Return a float the way it leaves Moodle: at most five decimals, and as an int where it has none."""
    if value is None:
        return None
    rounded = round(value, 5)
    return int(rounded) if rounded == int(rounded) else rounded


def error_body(error: MoodleError) -> dict[str, str]:
    """Return an error's members; PHP's own errors have no code."""
    body = {"exception": error.exception, "errorcode": error.code, "message": error.message}
    return {name: text for name, text in body.items() if text is not None}


def as_xml(value: Any, shape: Shape | None) -> bytes:
    """Write an answer as XML; in XML an absent key becomes a null, and true becomes 1."""
    inner = "" if value is None else _xml(value, shape)
    return f"{_XML_HEAD}<RESPONSE>\n{inner}</RESPONSE>\n".encode()


def error_as_xml(error: MoodleError) -> bytes:
    """Write an error as XML."""
    lines = [f'<EXCEPTION class="{error.exception}">']
    if error.code is not None:
        lines.append(f"<ERRORCODE>{_entities(error.code)}</ERRORCODE>")
    lines += [f"<MESSAGE>{_entities(error.message)}</MESSAGE>", "</EXCEPTION>"]
    return (_XML_HEAD + "\n".join(lines) + "\n").encode()


def _xml(value: Any, shape: Shape) -> str:
    if isinstance(shape, list):
        return "<MULTIPLE>\n" + "".join(_xml(one, shape[0]) for one in value or ()) + "</MULTIPLE>\n"
    if isinstance(shape, dict):
        keys = "".join(f'<KEY name="{name}">{_xml(value.get(name), inner)}</KEY>\n' for name, inner in shape.items())
        return f"<SINGLE>\n{keys}</SINGLE>\n"
    if value is None:
        return '<VALUE null="null"/>\n'
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return f"<VALUE>{_entities(text)}</VALUE>\n"


def _entities(text: str) -> str:
    return escape(text, quote=False).replace('"', "&quot;")
