"""Config and credentials: the documented names, sound addresses, and no secret in any message."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import edurelay_connector_runner.connectors.moodle as package
from edurelay_connector_runner.connectors.moodle import MoodleConnector, connector
from edurelay_connector_runner.sdk import ConfigurationError, Connector, Context, HttpAnswer
from edurelay_connector_runner.sdk.registry import Registry

TOKEN = "6d1f00000000000000000000000000ab"


class Nowhere:
    """Neither HTTP nor files: making a connector needs none."""

    async def request(self, method: str, url: str, **rest: Any) -> HttpAnswer:
        """Refuse."""
        raise AssertionError("nothing is asked while a connector is made")

    def resolve(self, path: str) -> Path:
        """Refuse."""
        raise AssertionError("no file is looked for")


def _make(config: dict[str, Any], credentials: dict[str, Any] | None = None) -> MoodleConnector:
    chosen = {"wsToken": TOKEN} if credentials is None else credentials
    return MoodleConnector(Context(config, chosen, Nowhere(), Nowhere()))


def test_the_documented_config_and_credentials_are_enough() -> None:
    _make({"apiUrl": "https://moodle.institution.edu", "wsFunction": "core_webservice_get_site_info"})


def test_the_schemas_show_the_documented_names() -> None:
    manifest = MoodleConnector.manifest
    assert {"apiUrl", "wsFunction", "pageSize", "concurrency", "completions"} <= manifest.config_schema[
        "properties"
    ].keys()
    assert manifest.config_schema["required"] == ["apiUrl"]
    assert manifest.credentials_schema["properties"]["wsToken"]["writeOnly"] is True


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"apiUrl": ""},
        {"apiUrl": "moodle.example"},
        {"apiUrl": "ftp://moodle.example"},
        {"apiUrl": "https://"},
        {"apiUrl": "https://user:pw@moodle.example"},
        {"apiUrl": "https://moodle.example?x=1"},
        {"apiUrl": "https://moodle.example:99999"},
        {"apiUrl": 7},
        {"apiUrl": "https://moodle.example", "pageSize": 900},
        {"apiUrl": "https://moodle.example", "pageSize": 1},
        {"apiUrl": "https://moodle.example", "concurrency": 0},
        {"apiUrl": "https://moodle.example", "studentRoles": []},
        {"apiUrl": "https://moodle.example", "wsFunction": "drop table"},
        {"apiUrl": "https://moodle.example", "pagesize": 10},
        {"apiUrl": "https://moodle.example", "identityField": "password"},
    ],
)
def test_a_config_that_does_not_fit_is_refused_at_once(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        _make(config)


@pytest.mark.parametrize(
    "credentials",
    [{}, {"wsToken": ""}, {"wsToken": "short"}, {"wsToken": 7}, {"wsToken": TOKEN, "password": "geheim-123"}],
)
def test_credentials_that_do_not_fit_are_refused_without_being_repeated(credentials: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _make({"apiUrl": "https://moodle.example"}, credentials)
    assert TOKEN not in str(caught.value)
    assert "geheim-123" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://moodle.example/path",
        "https://moodle.example/path/",
        " https://moodle.example/path/webservice/rest/server.php ",
    ],
)
def test_an_address_loses_what_people_paste_along_with_it(address: str) -> None:
    assert MoodleConnector.Config.model_validate({"apiUrl": address}).api_url == "https://moodle.example/path"  # type: ignore[attr-defined]


def test_the_connector_is_found_under_its_name() -> None:
    assert Registry.discover().connector("MOODLE") is connector
    assert issubclass(connector, Connector)


def test_streams_are_read_after_those_that_they_depend_on() -> None:
    streams = _make({"apiUrl": "https://moodle.example", "completions": True}).streams()
    read: set[str] = set()
    for stream in streams:
        assert read.issuperset(stream.depends_on)
        read.add(stream.name)
    assert len(read) == 7


def test_the_quality_file_names_tests_that_exist_and_reasons_for_the_rest() -> None:
    repository = Path(__file__).parents[3]
    quality = tomllib.loads((Path(package.__file__).parent / "quality.toml").read_text("utf-8"))
    assert quality.pop("tier") == "gold"
    for rules in quality.values():
        for rule, state in rules.items():
            assert state.get("exempt") or state["done"], rule
            for test in filter(None, state.get("done", "").split(", ")):
                assert (repository / test).is_file(), test
