"""The five verbs of a connector, for Moodle."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from edurelay.model import Entity
from edurelay_connector_runner.connectors.moodle import checking, webhooks
from edurelay_connector_runner.connectors.moodle.client import MoodleClient
from edurelay_connector_runner.connectors.moodle.completions import CompletionReader
from edurelay_connector_runner.connectors.moodle.config import MoodleConfig, MoodleCredentials
from edurelay_connector_runner.connectors.moodle.courses import read_courses
from edurelay_connector_runner.connectors.moodle.enrollments import EnrollmentReader
from edurelay_connector_runner.connectors.moodle.fetch import Fetch
from edurelay_connector_runner.connectors.moodle.grades import GradeReader
from edurelay_connector_runner.connectors.moodle.groups import GroupReader
from edurelay_connector_runner.connectors.moodle.mapping import convert
from edurelay_connector_runner.connectors.moodle.people import People
from edurelay_connector_runner.connectors.moodle.place import Place
from edurelay_connector_runner.connectors.moodle.walk import CourseReader, Walk
from edurelay_connector_runner.sdk import (
    Change,
    CheckReport,
    ConfigurationError,
    Connector,
    Context,
    Cursor,
    Manifest,
    Page,
    SourceRecord,
    Stream,
    Webhook,
)


class MoodleConnector(Connector):
    """Reads courses, groups, people, places, grades and completions of one Moodle site."""

    manifest: ClassVar[Manifest] = Manifest.load(Path(__file__).parent, MoodleConfig, MoodleCredentials)
    Config: ClassVar[type[BaseModel]] = MoodleConfig
    Credentials: ClassVar[type[BaseModel]] = MoodleCredentials

    def __init__(self, context: Context) -> None:
        """Raises `ConfigurationError` where config or credentials do not fit, without repeating either."""
        super().__init__(context)
        self._config = _fitting(MoodleConfig, context.config)
        credentials = _fitting(MoodleCredentials, context.credentials)
        self._client = MoodleClient(context.http, self._config, credentials)

    async def check(self) -> CheckReport:
        """Ask the site about itself, and for its courses."""
        return await checking.check(self._client, self._config)

    def streams(self) -> Sequence[Stream]:
        """Return the streams; completions only where the config asks for them."""
        return tuple(
            stream for stream in self.manifest.streams if stream.name != "completions" or self._config.completions
        )

    async def read(self, stream: str, cursor: Cursor | None) -> AsyncGenerator[Page, None]:
        """Yield a stream in pages; the last one is empty and says whether everything was seen."""
        async with aclosing(self._pages(stream, Place.of(cursor))) as pages:
            async for page in pages:
                yield page

    def convert(self, stream: str, raw: Any) -> tuple[str, Entity]:
        """Return the external id and the entity of a record."""
        return convert(stream, raw, self._config)

    async def fetch(self, stream: str, keys: Sequence[str]) -> Sequence[SourceRecord]:
        """Return the records with these external ids that the site has."""
        return await Fetch(self._client, self._config).records(stream, keys)

    def parse_webhook(self, webhook: Webhook) -> Sequence[Change]:
        """Read `{"stream": …, "keys": […]}`."""
        return webhooks.parse(webhook.body, frozenset(stream.name for stream in self.streams()))

    def _pages(self, stream: str, place: Place) -> AsyncGenerator[Page, None]:
        client, config = self._client, self._config
        if stream == "courses":
            return read_courses(client, config, place)
        if stream in ("students", "teachers"):
            return People(client, config, teaching=stream == "teachers").pages(place)
        reader = _COURSE_READERS.get(stream)
        if reader is None:
            raise ConfigurationError(f"Moodle has no stream {stream}")
        return Walk(client, config, reader(client, config)).pages(place)


_COURSE_READERS: dict[str, Callable[[MoodleClient, MoodleConfig], CourseReader[Any]]] = {
    "groups": GroupReader,
    "enrollments": EnrollmentReader,
    "grades": GradeReader,
    "completions": CompletionReader,
}

Model = TypeVar("Model", bound=BaseModel)


def _fitting(model: type[Model], values: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        told = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise ConfigurationError("; ".join(told)) from None
