"""Holding values to the declared types, and saying what is wrong with them without repeating them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_origin

from multidict import MultiMapping
from pydantic import BaseModel, TypeAdapter, ValidationError

from edurelay.web.gate import Limits, field_path, parse_json
from edurelay.web.problems import Problem

#: How many errors are told at once; a client that has more mends these first.
MAX_ERRORS = 50


def body_reader(declared: Any, limits: Limits) -> Callable[[bytes], Any]:
    """Return what turns a JSON text into a value of the declared type. It raises problems: 400 or 413 of the gate,
    422 `invalid_request` where a value does not fit; types are strict, so that `"5"` is no number."""
    validator = TypeAdapter(declared).validator

    def read(raw: bytes) -> Any:
        value = parse_json(raw, limits)
        try:
            return validator.validate_python(value, strict=True)
        except ValidationError:
            # JSON has no dates, enumerations and the like: only the text tells whether this is one of them, or wrong.
            pass
        try:
            return validator.validate_json(raw, strict=True)
        except ValidationError as error:
            raise problem_of_errors(422, "invalid_request", error, value) from None

    return read


def query_reader(model: type[BaseModel] | None) -> Callable[[MultiMapping[str]], Any]:
    """Return what turns query parameters into the declared model, or None. It raises 400 problems, also for a
    parameter that is unknown, or given twice where the model holds no list."""
    fields = model.model_fields if model is not None else {}
    names = {declared.alias or name: _holds_list(declared.annotation) for name, declared in fields.items()}
    validate = model.__pydantic_validator__.validate_python if model is not None else None

    def read(query: MultiMapping[str]) -> Any:
        values: dict[str, Any] = {}
        for name in query:
            if name not in names:
                known = f"There are: {', '.join(names)}." if names else "There are none."
                raise Problem(400, "unknown_parameter", f"There is no such parameter. {known}", field=_shown(name))
            given = query.getall(name)
            if any("\0" in each for each in given):
                raise Problem(400, "nul_character", "A text must not contain the NUL character.", field=name)
            if len(given) > 1 and not names[name]:
                raise Problem(400, "repeated_parameter", "The parameter may be given only once.", field=name)
            values[name] = given if names[name] else given[0]
        try:
            return validate(values) if validate is not None else None
        except ValidationError as error:
            raise problem_of_errors(400, "invalid_parameter", error, values) from None

    return read


def problem_of_errors(status: int, code: str, error: ValidationError, value: Any) -> Problem:
    """Return the problem that tells all errors by the path of their field within `value`, without any input."""
    errors = [
        {"field": _field(each["loc"], each["type"], value), "code": each["type"], "detail": _detail(each)}
        for each in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    ]
    count = error.error_count()
    more = f" ({count} errors in all)" if count > 1 else ""
    detail = f"{errors[0]['field']}: {errors[0]['detail']}{more}"
    return Problem(status, code, detail, field=errors[0]["field"], errors=errors)


def _field(location: Sequence[str | int], kind: str, value: Any) -> str:
    """Return the path to the error. Steps of `location` that are not in `value`, such as the name of a union's
    branch, are pydantic's own and left out, except for the field that is missing."""
    path: list[str | int] = []
    for position, step in enumerate(location):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            if kind != "missing" or position < len(location) - 1:
                continue
        path.append(step)
    return field_path(path)


def _detail(error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if error["type"] == "union_tag_invalid":
        return f"should be one of {context['expected_tags']}"
    if error["type"] in ("value_error", "assertion_error"):
        return str(context["error"])
    return str(error["msg"])


def _holds_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(get_origin(each) is list for each in get_args(annotation))


def _shown(name: str) -> str:
    return field_path([name])
