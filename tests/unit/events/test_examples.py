"""An example fits the schema of its type, whatever type it is."""

from __future__ import annotations

import pytest

from edurelay.events.catalogue import EVENT_TYPES, EventType
from edurelay.events.examples import example_of


@pytest.mark.parametrize("declared", EVENT_TYPES.values(), ids=lambda declared: declared.name)
def test_every_type_of_the_catalogue_has_an_example_that_fits_its_schema(declared: EventType) -> None:
    example = example_of(declared.data)
    declared.data.model_validate(example, strict=True)
    assert example.keys() == declared.data.model_fields.keys()


def test_the_references_of_an_entity_are_there_with_both_ids() -> None:
    attributes = example_of(EVENT_TYPES["grade.created"].data)["attributes"]
    assert {"student_id", "student_external_id", "course_id", "course_external_id"} <= attributes.keys()
