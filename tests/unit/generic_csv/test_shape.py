"""From a row to an entity: what each setting of a layout does to it."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.model import Course, Enrollment, Grade, Student
from edurelay_connector_runner.sdk import BadRecord
from unit.generic_csv.layouts import shape_of

ROW = {"id": "7", "name": "Ann"}


def test_a_row_becomes_an_entity_under_its_key() -> None:
    assert shape_of().convert(ROW) == ("7", Student(name="Ann"))


def test_a_composite_key_and_a_reference_of_the_same_columns_agree() -> None:
    courses = shape_of({"entity_type": "course", "key": ["module", "term"], "fields": {"name": "module"}})
    enrollments = shape_of(
        {
            "entity_type": "enrollment",
            "key": ["module", "term", "student"],
            "fields": {"course": {"key": ["module", "term"]}, "student": "student"},
        }
    )
    row = {"module": "A:A", "term": "2013J", "student": "5"}
    key, enrollment = enrollments.convert(row)
    assert key == r"A\:A:2013J:5"
    assert isinstance(enrollment, Enrollment)
    assert enrollment.course == courses.convert(row)[0] == r"A\:A:2013J"
    assert enrollment.student == "5"


def test_a_key_prefix_keeps_the_keys_of_two_streams_apart() -> None:
    assert shape_of({"key_prefix": "staff"}).convert(ROW)[0] == "staff:7"


def test_a_reference_whose_columns_are_all_null_is_none() -> None:
    shape = shape_of(
        {"entity_type": "enrollment", "fields": {"course": {"key": ["module", "term"]}, "student": "student"}}
    )
    _, enrollment = shape.convert({"id": "1", "module": "", "term": "", "student": ""})
    assert enrollment == Enrollment()


def test_null_marks_are_no_values_and_leave_the_models_defaults() -> None:
    shape = shape_of({"fields": {"name": "name", "active": "active", "email": "email"}}, dialect={"nulls": ["", "N/A"]})
    assert shape.convert({**ROW, "active": "N/A", "email": ""}) == ("7", Student(name="Ann"))


def test_trimming_comes_before_null_marks_and_keys() -> None:
    shape = shape_of({"fields": {"name": "name", "email": "email"}}, dialect={"trim": True})
    assert shape.convert({"id": " 7 ", "name": " Ann ", "email": "  "}) == ("7", Student(name="Ann"))


def test_without_trimming_a_text_stays_as_it_is() -> None:
    assert shape_of().convert({"id": " 7 ", "name": " Ann "}) == (" 7 ", Student(name=" Ann "))


def test_a_field_has_the_type_that_the_model_asks_for() -> None:
    shape = shape_of(
        {
            "entity_type": "grade",
            "fields": {
                "item": "item",
                "student": "student",
                "score": "score",
                "graded_at": "day",
                "maximum": {"constant": 10},
            },
        }
    )
    _, grade = shape.convert({"id": "1", "item": "Essay", "student": "7", "score": "8.5", "day": "2024-03-31"})
    assert grade == Grade(item="Essay", student="7", score=8.5, graded_at="2024-03-31", maximum=10.0)


def test_expressions_build_a_field_from_several_columns() -> None:
    shape = shape_of({"fields": {"name": "join(' ', [first, last][?@]) || id", "active": "!left_at"}})
    assert shape.convert({"id": "7", "first": "Ann", "last": "Lee", "left_at": ""})[1] == Student(name="Ann Lee")
    assert shape.convert({"id": "7", "first": "", "last": "Lee", "left_at": "x"})[1] == Student(
        name="Lee", active=False
    )
    assert shape.convert({"id": "7", "first": "", "last": "", "left_at": ""})[1] == Student(name="7")


def test_listed_columns_go_into_extra_where_they_have_a_value() -> None:
    shape = shape_of({"extra": ["house", "meta.age", "$ref", "missing"]})
    _, student = shape.convert({**ROW, "house": "", "meta.age": "12", "$ref": "x", "other": "y"})
    assert student.extra == {"meta_age": "12", "_ref": "x"}


def test_a_star_takes_all_further_columns_but_the_excluded_and_passwords() -> None:
    shape = shape_of({"extra": "*", "exclude": ["notes"], "fields": {"name": "join(' ', [name, last])"}})
    row = {**ROW, "last": "Lee", "house": "Red", "notes": "private", "Password": "P@ssw0rd", "empty": ""}
    _, student = shape.convert(row)
    assert student.extra == {"house": "Red"}
    assert [column for column in row if shape.takes(column)] == ["id", "name", "last", "house", "empty"]


def test_a_field_of_extra_has_a_name_and_a_type_of_its_own() -> None:
    fields = {"name": "name", "extra:tags": {"column": "Tags", "type": "list", "separator": ";"}, "extra:age": "age"}
    _, student = shape_of({"fields": fields}).convert({**ROW, "Tags": "a;b", "age": "12"})
    assert student.extra == {"tags": ["a", "b"], "age": "12"}


def test_an_optional_column_may_be_missing_and_others_may_not() -> None:
    shape = shape_of({"fields": {"name": "name", "email": {"column": "email", "optional": True}, "number": "number"}})
    assert shape.required_columns == {"id", "name", "number"}
    assert shape.convert({**ROW, "number": "1"})[1] == Student(name="Ann", number="1")
    with pytest.raises(BadRecord, match="the column number is missing"):
        shape.convert(ROW)


def test_a_column_that_is_optional_for_one_field_and_needed_by_another_is_needed() -> None:
    shape = shape_of({"fields": {"name": "name", "number": {"column": "name", "optional": True}}})
    assert shape.required_columns == {"id", "name"}


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({**ROW, "id": ""}, "id", "the key column id has no value"),
        ({**ROW, "id": "x" * 257}, "id", "longer than 256"),
        ({**ROW, "id": "a\tb"}, "id", "control characters"),
        ({**ROW, "name": ""}, "name", "name has no value"),
        ({**ROW, "name": "x" * 20_000}, "name", "at most 16384"),
        ({**ROW, "school": "x" * 300}, "school", "at most 256"),
        ({**ROW, "active": "perhaps"}, "active", "active: 'perhaps' is none of the marks"),
        ("1,Ann", None, "could not be split into columns"),
        ({**ROW, "id": 7}, None, "columns and texts"),
        ({**ROW, "name": None}, None, "columns and texts"),
    ],
)
def test_a_row_that_is_no_record_is_refused_with_its_column_and_a_reason(
    row: Any, field: str | None, reason: str
) -> None:
    fields = {
        "name": "name",
        "active": {"column": "active", "optional": True},
        "organization": {"column": "school", "optional": True},
    }
    with pytest.raises(BadRecord, match=reason) as caught:
        shape_of({"fields": fields}).convert(row)
    assert caught.value.field == field


def test_half_a_reference_is_refused() -> None:
    shape = shape_of({"entity_type": "enrollment", "fields": {"course": {"key": ["module", "term"]}}})
    with pytest.raises(BadRecord, match="course: the key column term has no value"):
        shape.convert({"id": "1", "module": "A", "term": ""})


def test_an_expression_that_fails_on_a_row_refuses_that_row() -> None:
    with pytest.raises(BadRecord, match=r"^name: "):
        shape_of({"fields": {"name": "join(' ', [first, last])"}}).convert({"id": "1", "first": "", "last": "Lee"})


@pytest.mark.parametrize(("role", "included"), [("student", True), ("teacher", False), ("", False)])
def test_a_condition_says_which_rows_are_records_of_the_stream(role: str, included: bool) -> None:
    assert shape_of({"where": "role == 'student'"}).includes({**ROW, "role": role}) is included


def test_a_condition_of_one_column_asks_whether_it_has_a_value() -> None:
    shape = shape_of({"where": "course"})
    assert [shape.includes({**ROW, "course": course}) for course in ("", "0", "x")] == [False, True, True]


def test_converting_twice_gives_the_same_and_leaves_the_row_alone() -> None:
    shape = shape_of({"fields": {"name": "name", "extra:tags": {"column": "tags", "type": "list"}}})
    row = {**ROW, "tags": "a,b"}
    first, second = shape.convert(row), shape.convert(row)
    assert first == second
    assert first[1].extra["tags"] is not second[1].extra["tags"]
    assert row == {**ROW, "tags": "a,b"}


def test_the_same_row_becomes_what_its_stream_says() -> None:
    shape = shape_of({"entity_type": "course", "fields": {"name": "name", "code": "id"}})
    assert shape.convert(ROW) == ("7", Course(name="Ann", code="7"))
