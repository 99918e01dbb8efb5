"""A run reads the streams that were asked for, each behind those that it depends on."""

from __future__ import annotations

import pytest

from edurelay.messages.connections import Connection
from edurelay.model import EntityType
from edurelay_connector_runner.jobs.selection import ordered, selected
from edurelay_connector_runner.sdk import ConfigurationError, Stream
from integration.runner.scripted import COURSES, STUDENTS
from unit.runner.commands import a_sync


def names(
    command_streams: list[str] | None = None,
    connection_streams: list[str] | None = None,
    entity_types: list[str] | None = None,
) -> list[str]:
    """Return the names of the streams that a command reads over a connection."""
    command = a_sync(streams=command_streams, entity_types=entity_types)
    connection = Connection(id="c", tenant="t", provider="P", name="", config={}, version=1, streams=connection_streams)
    return [stream.name for stream in selected([STUDENTS, COURSES], command, connection)]


def test_without_a_wish_everything_is_read_in_the_order_of_dependency() -> None:
    assert names() == ["courses", "students"]


def test_the_streams_of_the_connection_count_unless_the_command_names_some() -> None:
    assert names(connection_streams=["students"]) == ["students"]
    assert names(connection_streams=["students"], command_streams=["courses"]) == ["courses"]


def test_kinds_of_entity_choose_the_streams_that_they_come_from() -> None:
    assert names(entity_types=["student"]) == ["students"]


def test_a_stream_that_does_not_exist_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigurationError, match="no stream grades; there are: courses, students"):
        names(command_streams=["grades"])


def test_a_wish_that_leaves_nothing_is_one_too() -> None:
    with pytest.raises(ConfigurationError, match="no stream for what was asked for"):
        names(entity_types=["grade"])


def test_streams_that_depend_on_each_other_in_a_circle_are_refused() -> None:
    def stream(name: str, *depends_on: str) -> Stream:
        return Stream(name=name, entity_type=EntityType.COURSE, primary_key=("id",), depends_on=depends_on)

    with pytest.raises(ConfigurationError, match="a, b depend on each other"):
        ordered([stream("a", "b"), stream("b", "a")])
