"""Domain events as services inside get them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from edurelay.events.domain import DomainEvent


def event(kind: str, data: Any) -> DomainEvent:
    return DomainEvent("evt_1", kind, "/test", "t", None, datetime(2026, 1, 1, tzinfo=UTC), data)


def test_the_data_is_typed_as_the_catalogue_declares_it() -> None:
    declared = event("student.enrolled", {"student_id": "1", "course_id": "2", "more": 3}).declared()
    assert declared.model_dump() == {"student_id": "1", "course_id": "2", "more": 3}
    assert type(declared).__name__ == "StudentEnrolled"


def test_a_type_of_ones_own_has_whatever_there_is() -> None:
    assert event("our.own", {"a": 1}).declared().model_dump() == {"a": 1}


def test_other_data_than_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="course_id"):
        event("student.enrolled", {"student_id": "1"}).declared()
