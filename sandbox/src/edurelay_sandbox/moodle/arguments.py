"""Arguments as PHP reads them out of a form, and as Moodle holds them against a function's description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from edurelay_sandbox.moodle.errors import invalid_parameter

#: What PHP is set to where Moodle's advice was followed; variables beyond it are dropped without a word.
MAX_INPUT_VARS = 5_000
_INT = re.compile(r"-?(0|[1-9]\d*)")
_INT64 = 2**63

#: A description: `int`, `str`, a list of one description, or a dict of them; a name ending in "?" may be left out.
Description = Any


def php_variables(pairs: Iterable[tuple[str, str]], limit: int = MAX_INPUT_VARS) -> dict[str, Any]:
    """Build nested variables out of `a[b][0]=c`; what comes after `limit` variables is dropped."""
    variables: dict[str, Any] = {}
    for number, (name, value) in enumerate(pairs):
        if number >= limit:
            break
        base, _, rest = name.partition("[")
        keys = [base.replace(".", "_").replace(" ", "_"), *(rest[:-1].split("][") if rest.endswith("]") else [])]
        _put(variables, keys, value)
    return variables


def _put(variables: dict[str, Any], keys: list[str], value: str) -> None:
    at = variables
    for key in keys[:-1]:
        key = key or str(len(at))
        if not isinstance(at.get(key), dict):
            at[key] = {}
        at = at[key]
    at[keys[-1] or str(len(at))] = value


def validate(value: Any, description: Description) -> Any:
    """Return the value in the types of its description. Raises invalidparameter."""
    if isinstance(description, dict):
        return _structure(value, description)
    if isinstance(description, list):
        if not isinstance(value, dict):
            raise invalid_parameter()
        return [validate(one, description[0]) for one in value.values()]
    if isinstance(value, dict):
        raise invalid_parameter()
    if description is int:
        return integer(value)
    return value


def _structure(value: Any, description: Mapping[str, Description]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid_parameter()
    unused = dict(value)
    made: dict[str, Any] = {}
    for name, inner in description.items():
        optional, name = name.endswith("?"), name.rstrip("?")
        if name in unused:
            made[name] = validate(unused.pop(name), inner)
        elif not optional:
            raise invalid_parameter()
    if unused:
        raise invalid_parameter()
    return made


def integer(value: str) -> int:
    """Read PARAM_INT strictly: no blanks, no fraction, 64 bits."""
    if not _INT.fullmatch(value) or not -_INT64 <= int(value) < _INT64:
        raise invalid_parameter()
    return int(value)


def lenient_integer(value: str) -> int:
    """Read a number the way PHP casts one: the digits in front, or 0."""
    match = re.match(r"\s*([+-]?\d+)", value)
    return int(match[1]) if match else 0
