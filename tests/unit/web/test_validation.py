"""Paths of what does not fit a type, also through unions, and with nothing of the input in them but names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from edurelay.web.gate import DEFAULT
from edurelay.web.problems import Problem
from edurelay.web.validation import body_reader


class One(BaseModel):
    """A body of one."""

    model_config = ConfigDict(extra="forbid")

    type: str
    weight: int | bool = 0


class Many(BaseModel):
    """A body of many."""

    events: list[One] = Field(max_length=2)


def form(value: Any) -> str:
    return "many" if isinstance(value, dict) and "events" in value else "one"


Body = Annotated[Annotated[One, Tag("one")] | Annotated[Many, Tag("many")], Discriminator(form)]


class Circle(BaseModel):
    """A shape."""

    kind: Literal["circle"]
    radius: float


class Square(BaseModel):
    """Another shape."""

    kind: Literal["square"]
    side: float

    @model_validator(mode="after")
    def not_negative(self) -> Square:
        """Check what two fields say together."""
        if self.side < 0:
            raise ValueError("a side must not be negative")
        return self


class Shapes(BaseModel):
    """Shapes by name."""

    shapes: dict[str, Annotated[Circle | Square, Field(discriminator="kind")]]


def errors(declared: Any, raw: bytes) -> list[tuple[str, str]]:
    with pytest.raises(Problem) as refused:
        body_reader(declared, DEFAULT)(raw)
    assert (refused.value.status, refused.value.code) == (422, "invalid_request")
    assert refused.value.errors is not None
    assert refused.value.field == refused.value.errors[0]["field"]
    assert "canary" not in f"{refused.value.detail}{refused.value.errors}"
    return [(error["field"], error["code"]) for error in refused.value.errors]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{}", [("type", "missing")]),
        (b'{"type":7}', [("type", "string_type")]),
        (b'{"events":[{"type":"a"},{}]}', [("events[1].type", "missing")]),
        (b'{"events":[{"type":"a","more":"canary"}]}', [("events[0].more", "extra_forbidden")]),
        (b'{"events":[7]}', [("events[0]", "model_type")]),
        (b'{"events":[{"type":"a"},{"type":"a"},{"type":"a"}]}', [("events", "too_long")]),
        (b'{"type":"a","weight":"canary"}', [("weight", "int_type"), ("weight", "bool_type")]),
        (b'{"type":"a","weight":1.5}', [("weight", "int_type"), ("weight", "bool_type")]),
    ],
)
def test_the_branch_of_a_union_is_no_part_of_the_path(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert errors(Body, raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"shapes":{"a":{"kind":"circle","radius":"1"}}}', [("shapes.a.radius", "float_type")]),
        (b'{"shapes":{"a":{"kind":"square"}}}', [("shapes.a.side", "missing")]),
        (b'{"shapes":{"a":{"kind":"canary"}}}', [("shapes.a", "union_tag_invalid")]),
        (b'{"shapes":{"a":{}}}', [("shapes.a", "union_tag_not_found")]),
        (b'{"shapes":{"a":{"kind":"square","side":-1}}}', [("shapes.a", "value_error")]),
    ],
)
def test_a_tagged_union_names_the_field_and_never_the_tag_it_was_given(
    raw: bytes, expected: list[tuple[str, str]]
) -> None:
    assert errors(Shapes, raw) == expected


def test_an_integer_is_a_float_but_a_text_is_neither() -> None:
    read = body_reader(Circle, DEFAULT)
    assert read(b'{"kind":"circle","radius":2}') == Circle(kind="circle", radius=2.0)
