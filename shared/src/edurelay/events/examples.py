"""Example data of any event type, made from the model of its data, so that it fits whatever the model becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

#: What reads better than just any value of the right form, by the name of the field.
_TOLD: Final[Mapping[str, Any]] = {
    "name": "Ana Example",
    "email": "ana@example.org",
    "code": "MATH-101",
    "amount": 100,
    "percent": 50,
    "priority": "high",
    "state": "passed",
    "certificate_url": "https://example.org/certificate",
}
_MOMENT: Final = "2026-01-15T10:30:00.000Z"


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return an example of a model as JSON has it, with every field that the model declares. Raises `LookupError` for
    a field of a form of which there is none here."""
    schema = model.model_json_schema()
    return _object(schema, schema.get("$defs", {}))


def _object(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(name, field, definitions) for name, field in schema.get("properties", {}).items()}


def _value(name: str, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _value(name, definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return _value(name, schema["anyOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return _object(schema, definitions)
        case "array":
            return [_value(name, schema["items"], definitions)]
        case "string":
            return _text(name, schema)
        case "integer" | "number":
            return _TOLD.get(name, schema.get("minimum", 1))
        case "boolean":
            return True
    raise LookupError(f"there is no example of the field {name}")


def _text(name: str, schema: Mapping[str, Any]) -> str:
    pattern = schema.get("pattern", "")
    told = _TOLD.get(name, f"example-{name.replace('_', '-')}")
    text = next((text for text in (str(told), _MOMENT) if re.search(pattern, text)), None)
    if text is None:
        raise LookupError(f"there is no example of the field {name}")
    return text
