"""Lines that are written: whatever is written is read again as it was, and what could not be is not written."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edurelay.model import Enrollment, Entity, Grade, Student
from edurelay_connector_runner.connectors.generic_csv.encodings import EncodingName, detect
from edurelay_connector_runner.connectors.generic_csv.keys import join_key
from edurelay_connector_runner.connectors.generic_csv.layout import Dialect
from edurelay_connector_runner.connectors.generic_csv.lines import Lines
from edurelay_connector_runner.connectors.generic_csv.rendering import LineWriter, RecordWriter, Unwritable
from edurelay_connector_runner.connectors.generic_csv.rows import Row, Rows
from edurelay_connector_runner.connectors.generic_csv.shape import Shape
from edurelay_connector_runner.sdk import OutboundRecord
from unit.generic_csv.layouts import shape_of

#: Every encoding, with the characters that it has.
ENCODINGS: list[tuple[EncodingName, str]] = [
    ("utf-8", "utf-8"),
    ("utf-8-bom", "utf-8"),
    ("utf-16", "utf-8"),
    ("utf-16-le", "utf-8"),
    ("utf-16-be", "utf-8"),
    ("windows-1252", "cp1252"),
    ("latin-1", "latin-1"),
]
DELIMITERS = [",", ";", "\t", "|", "¦"]


def read(data: bytes, dialect: Dialect) -> list[list[str]]:
    """Read a whole file whose lines are all good."""
    encoding = detect(dialect.encoding, data)
    rows = list(Rows(Lines(BytesIO(data), encoding), encoding.codec, dialect.delimiter, dialect.quote))
    return [row.fields for row in rows if isinstance(row, Row)]


@pytest.mark.parametrize(("encoding", "characters"), ENCODINGS)
@settings(deadline=None)
@given(data=st.data(), delimiter=st.sampled_from(DELIMITERS), quote=st.sampled_from("\"'"))
def test_any_table_of_text_is_read_as_it_was_written(
    encoding: EncodingName, characters: str, data: st.DataObject, delimiter: str, quote: str
) -> None:
    text = st.text(st.characters(codec=characters, exclude_characters="\0"), max_size=12)
    width = data.draw(st.integers(1, 4))
    header = [f"column {number}" for number in range(width)]
    table = [header, *data.draw(st.lists(st.lists(text, min_size=width, max_size=width), max_size=6))]
    dialect = Dialect(delimiter=delimiter, quote=quote, encoding=encoding)
    writer = LineWriter(dialect)
    assert read(writer.mark + b"".join(map(writer.line, table)), dialect) == table


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "'x", "=cmd|' /C calc'!A0"])
def test_a_text_that_a_spreadsheet_would_run_is_written_as_it_is(text: str) -> None:
    assert LineWriter(Dialect()).line([text, "b"]) == f"{text},b\r\n".encode()


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (["a", "b"], b"a,b\r\n"),
        (["a,b", 'say "hi"'], b'"a,b","say ""hi"""\r\n'),
        (["two\nlines", ""], b'"two\nlines",\r\n'),
        ([""], b'""\r\n'),
        ([" a", "é"], " a,é\r\n".encode()),
    ],
)
def test_only_what_needs_quotes_is_quoted(fields: list[str], line: bytes) -> None:
    assert LineWriter(Dialect()).line(fields) == line


@pytest.mark.parametrize(
    ("dialect", "field", "reason"),
    [
        (Dialect(), "a\0b", "NUL"),
        (Dialect(), "x" * 70_000 + ",", "does not end within"),
        (Dialect(encoding="windows-1252"), "Ω", "does not exist in cp1252"),
        (Dialect(quote=""), "a,b", "would be read otherwise"),
        (Dialect(quote=""), "a\r\nb", "would be read otherwise"),
    ],
)
def test_a_text_that_cannot_be_read_again_is_not_written(dialect: Dialect, field: str, reason: str) -> None:
    with pytest.raises(Unwritable, match=reason):
        LineWriter(dialect).line([field, "x"])


def line_of(shape: Shape, external_id: str, attributes: dict[str, Any]) -> str:
    """Return a record's line."""
    return RecordWriter(shape).line(OutboundRecord("inside", external_id, attributes)).decode()


COURSES = {
    "entity_type": "enrollment",
    "key": ["module", "term", "student"],
    "fields": {
        "course": {"key": ["module", "term"]},
        "student": {"column": "student"},
        "active": {"column": "active", "true": ["Y"], "false": ["N"]},
        "role": {"constant": "student"},
        "starts_at": {"column": "from", "format": "%d.%m.%Y"},
        "extra:previous": {"column": "prev", "type": "integer"},
    },
    "extra": ["region"],
}


def test_a_line_has_the_columns_of_the_layout_in_its_order() -> None:
    shape = shape_of(COURSES)
    attributes = {
        "course": r"A\:A:2013J",
        "student": "5",
        "active": False,
        "role": "student",
        "starts_at": "2024-03-31",
        "extra": {"previous": 3, "region": "Wales"},
    }
    assert RecordWriter(shape).head == b"module,term,student,active,from,prev,region\r\n"
    assert line_of(shape, r"A\:A:2013J:5", attributes) == "A:A,2013J,5,N,31.03.2024,3,Wales\r\n"


def test_references_may_come_as_the_mapping_service_keeps_them() -> None:
    attributes = {
        "course_id": "in-1",
        "course_external_id": "A:B",
        "student_external_id": "5",
        "role": "student",
        "active": True,
    }
    assert line_of(shape_of(COURSES), "A:B:5", attributes) == "A,B,5,Y,,,\r\n"


def test_what_the_layout_has_no_column_for_is_left_out() -> None:
    assert line_of(shape_of(), "7", {"name": "Ann", "email": "ann@example.org", "extra": {"x": 1}}) == "7,Ann\r\n"


@pytest.mark.parametrize(
    ("external_id", "attributes", "reason"),
    [
        ("A:B", {}, "has not the 3 parts"),
        ("A:B:5", {"role": "teacher"}, "role: 'teacher' would be read back as another value"),
        ("A:B:5", {"role": "student", "course": "A:C"}, "course: 'A:C' would be read back as another value"),
        ("A:B:5", {"role": "student", "starts_at": "2024-03-31T10:00:00Z"}, "cannot be written as"),
        ("A:B:5", {"role": "student", "extra": {"previous": "three"}}, "is no whole number"),
        ("A:B:5", {"role": "student", "extra": {"region": ""}}, "extra: .* would be read back"),
        ("A:B:5", {"role": "student", "extra": {"region": 7}}, "extra: .* would be read back"),
    ],
)
def test_a_record_that_would_come_back_changed_is_not_written(
    external_id: str, attributes: dict[str, Any], reason: str
) -> None:
    known = {"course": "A:B", "student": "5", "active": True}
    with pytest.raises(Unwritable, match=reason):
        line_of(shape_of(COURSES), external_id, known | attributes)


def test_a_field_that_is_built_by_an_expression_is_checked_though_it_has_no_column() -> None:
    shape = shape_of(
        {
            "fields": {
                "name": "join(' ', [first, last])",
                "given_name": {"column": "first"},
                "family_name": {"column": "last"},
            }
        }
    )
    ann = {"name": "Ann Lee", "given_name": "Ann", "family_name": "Lee"}
    assert line_of(shape, "7", ann) == "7,Ann,Lee\r\n"
    with pytest.raises(Unwritable, match="name: 'Dr Ann Lee' would be read back"):
        line_of(shape, "7", {**ann, "name": "Dr Ann Lee"})


def test_a_record_that_the_streams_condition_leaves_out_is_not_written() -> None:
    shape = shape_of({"where": "name != 'Nobody'"})
    assert RecordWriter(shape).can_write(OutboundRecord("x", "7", {"name": "Ann"}))
    assert not RecordWriter(shape).can_write(OutboundRecord("x", "7", {"name": "Nobody"}))


@pytest.mark.parametrize(("encoding", "column"), [("latin-1", "þÿ"), ("windows-1252", "ï»¿id"), ("utf-8", "\ufeffid")])
def test_a_header_that_would_be_taken_for_a_mark_is_not_written(encoding: str, column: str) -> None:
    shape = shape_of({"key": [column]}, dialect={"encoding": encoding})
    with pytest.raises(Unwritable, match="mark of another encoding"):
        RecordWriter(shape)


def test_a_layout_that_takes_over_everything_does_not_say_what_to_write() -> None:
    with pytest.raises(Unwritable, match="has to name them"):
        RecordWriter(shape_of({"extra": "*"}))


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
IDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=8)
STUDENTS = st.builds(
    Student,
    name=WORDS,
    email=st.none() | WORDS,
    active=st.booleans(),
    organization=st.none() | IDS,
    extra=st.dictionaries(st.sampled_from(["house", "$x"]), WORDS).map(
        lambda extra: {name.replace("$", "_"): text for name, text in extra.items()}
    ),
)
GRADES = st.builds(
    Grade,
    item=WORDS,
    student=IDS,
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    graded_at=st.none() | st.dates(min_value=date(1000, 1, 1)).map(str),
    course=st.none() | st.tuples(IDS, IDS).map(lambda parts: join_key(parts, ":")),
)
STUDENT_SHAPE = shape_of(
    {
        "fields": {"name": "name", "email": "email", "active": "active", "organization": "school"},
        "extra": ["house", "$x"],
    },
    dialect={"delimiter": ";", "nulls": ["\\N"]},
)
GRADE_SHAPE = shape_of(
    {
        "entity_type": "grade",
        "fields": {
            "item": "item",
            "student": "student",
            "score": "score",
            "graded_at": "day",
            "course": {"key": ["m", "t"]},
        },
    },
    dialect={"encoding": "utf-16", "nulls": ["", "null"]},
)


@pytest.mark.parametrize(
    ("shape", "entities"), [(STUDENT_SHAPE, STUDENTS), (GRADE_SHAPE, GRADES)], ids=["student", "grade"]
)
@settings(deadline=None)
@given(data=st.data(), key=IDS)
def test_an_entity_that_is_written_is_read_again_as_it_was(
    shape: Shape, entities: st.SearchStrategy[Entity], data: st.DataObject, key: str
) -> None:
    entity = data.draw(entities)
    writer = RecordWriter(shape)
    try:
        line = writer.line(OutboundRecord("inside", key, entity.model_dump()))
    except Unwritable:
        # Only a text that stands for null, or a reference too long to be one, has no line.
        marks = {*shape.dialect.nulls}
        texts = {key, *(str(value) for value in entity.model_dump().values()), *map(str, entity.extra.values())}
        assert texts & marks or any(len(text) > 200 for text in texts)
        return
    header, row = read(writer.head + line, shape.dialect)
    assert shape.convert(dict(zip(header, row, strict=True))) == (key, entity)


def test_an_id_that_would_be_trimmed_is_not_written() -> None:
    with pytest.raises(Unwritable, match="its id would be read back as '7'"):
        line_of(shape_of(dialect={"trim": True}), "7 ", {"name": "Ann"})


def test_the_null_mark_itself_is_no_text_that_can_be_written() -> None:
    with pytest.raises(Unwritable, match="name has no value"):
        line_of(STUDENT_SHAPE, "7", {"name": "\\N"})


def test_an_enrollment_without_a_value_is_written_as_nulls() -> None:
    shape = shape_of({"entity_type": "enrollment", "fields": {"student": "student", "course": {"key": ["m", "t"]}}})
    assert line_of(shape, "1", Enrollment().model_dump()) == "1,,,\r\n"
