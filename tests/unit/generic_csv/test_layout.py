"""Layouts: a mistake is found before anything is read, and named."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from edurelay_connector_runner.connectors.generic_csv.config import Config
from edurelay_connector_runner.connectors.generic_csv.layout import Layout
from unit.generic_csv.layouts import STUDENTS, layout_of


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        ({"fields": {}}, "needs name"),
        ({"fields": {"name": "name", "shoe_size": "size"}}, "has no field shoe_size"),
        ({"fields": {"name": "name", "extra": "size"}}, "has no field extra"),
        ({"fields": {"name": "name", "extra:a.b": "size"}}, "has no dot"),
        ({"fields": {"name": "na me"}}, "is no JMESPath expression"),
        ({"fields": {"name": {"column": "name", "constant": "Ann"}}}, "exactly one of"),
        ({"fields": {"name": {"type": "text"}}}, "exactly one of"),
        ({"fields": {"name": {"column": "name", "format": "%Y"}}}, "format belongs to the type date"),
        ({"fields": {"name": "name", "active": {"constant": "perhaps"}}}, "is none of the marks"),
        ({"fields": {"name": "name", "extra:at": {"column": "at", "type": "date", "format": "%H:%M"}}}, "needs %z"),
        ({"key": []}, "at least 1 item"),
        ({"entity_type": "planet"}, "Input should be"),
        ({"files": "/etc/passwd"}, "stays inside"),
        ({"files": "../students.csv"}, "stays inside"),
        ({"files": "a/../../b.csv"}, "stays inside"),
        ({"files": "**.csv"}, "between slashes"),
        ({"export": "../out.csv"}, "without a folder"),
        ({"export": ".hidden"}, "without a folder"),
        ({"key": ["id"], "exclude": ["id"]}, "excluded columns, or passwords, are used: id"),
        ({"where": "a =="}, "is no JMESPath expression"),
        ({"extra": ["a.b", "a_b"]}, "one name in extra"),
        ({"unknown": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_in_a_layout_is_named(stream: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Config.model_validate({"importPath": "/data", "layout": {"streams": {"rows": {**STUDENTS, **stream}}}})


@pytest.mark.parametrize("column", ["Password", "user_password", "PASSWD", "Passwort", "contraseña", "Initial PWD"])
def test_no_layout_can_take_over_a_password(column: str) -> None:
    with pytest.raises(ValidationError, match="passwords"):
        layout_of({"extra": [column]})
    with pytest.raises(ValidationError, match="passwords"):
        layout_of({"fields": {"name": {"column": column}}})


@pytest.mark.parametrize("column", ["Passport", "compass", "passed", "Secretary"])
def test_a_column_that_only_looks_like_a_password_can_be_read(column: str) -> None:
    assert layout_of({"extra": [column]}).streams["rows"].extra == (column,)


@pytest.mark.parametrize(
    "dialect", [{"delimiter": ";;"}, {"delimiter": "\n"}, {"delimiter": '"'}, {"encoding": "ebcdic"}, {"skip_rows": -1}]
)
def test_a_dialect_that_cannot_be_read_is_refused(dialect: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        layout_of(dialect=dialect)


def test_a_stream_may_differ_from_the_layouts_dialect_in_parts() -> None:
    layout = layout_of({"dialect": {"encoding": "utf-16"}}, dialect={"delimiter": ";", "trim": True})
    dialect = layout.dialect_of("rows")
    assert (dialect.delimiter, dialect.trim, dialect.encoding) == (";", True, "utf-16")


def test_a_stream_cannot_make_the_dialect_ambiguous() -> None:
    with pytest.raises(ValidationError, match="have to differ"):
        layout_of({"dialect": {"delimiter": "'"}}, dialect={"quote": "'"})


@pytest.mark.parametrize("separator", ["\\", "\t", "::", ""])
def test_a_separator_that_would_blur_keys_is_refused(separator: str) -> None:
    with pytest.raises(ValidationError):
        Layout.model_validate({"streams": {"rows": STUDENTS}, "separator": separator})


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"s3Bucket": "institution-data"}, "importPath is needed"),
        ({}, "Field required"),
        ({"importPath": ""}, "at least 1 character"),
        ({"importPath": "/data", "preset": "nobody-v9"}, "there is no preset 'nobody-v9'; there are edurelay-v1"),
        ({"importPath": "/data", "preset": "edurelay-v1", "layout": {"streams": {"rows": STUDENTS}}}, "not both"),
    ],
)
def test_a_config_that_cannot_work_is_refused(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Config.model_validate(config)


def test_the_documented_config_works_and_reads_edurelays_own_files() -> None:
    config = Config.model_validate(
        {"importPath": "/data/imports", "exportPath": "/data/exports", "s3Bucket": "institution-data"}
    )
    assert config.effective_layout.streams["students"].files == "students.csv"
