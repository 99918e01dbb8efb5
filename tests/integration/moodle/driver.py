"""Drives a connector through its interface, as an engine would, over plain HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from edurelay.model import Entity
from edurelay_connector_runner.connectors.moodle import MoodleConnector
from edurelay_connector_runner.sdk import (
    ConfigurationError,
    ConnectorError,
    Context,
    Cursor,
    HttpAnswer,
    Rejection,
    Transient,
)
from edurelay_connector_runner.sdk.reading import reading
from edurelay_sandbox.moodle import HUB


class PlainHttp:
    """The connectors' HTTP without guard and pace."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.forms: list[dict[str, str]] = []
        #: Called with the form of each request before it is sent, for tests in which the school changes meanwhile.
        self.before_request: Callable[[dict[str, str]], None] | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        timeout: float = 30.0,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> HttpAnswer:
        """Send one request, follow nothing, and read the whole answer."""
        self.forms.append(dict(form or {}))
        if self.before_request is not None:
            self.before_request(self.forms[-1])
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                data=form,
                json=json,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as answer:
                body = await answer.read()
                received = {name.lower(): value for name, value in answer.headers.items()}
                return HttpAnswer(answer.status, received, body)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise Transient(f"no whole answer came: {type(error).__name__}") from error


class NoFiles:
    """A connector of a web service sees no files."""

    def resolve(self, path: str) -> Path:
        """Refuse every path."""
        raise ConfigurationError(f"{path} is outside of everything")


def connect(http: PlainHttp, url: str, *, token: str = HUB, **config: Any) -> MoodleConnector:
    """Return a connector for a sandbox."""
    return MoodleConnector(Context({"apiUrl": url, **config}, {"wsToken": token}, http, NoFiles()))


@dataclass
class Reading:
    """What reading a stream gave: entities by external id, and the cursors of its pages."""

    entities: dict[str, Entity] = field(default_factory=dict)
    times_seen: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejection] = field(default_factory=list)
    cursors: list[Cursor] = field(default_factory=list)
    largest_page: int = 0
    expected: int | None = None
    complete: bool = False
    error: ConnectorError | None = None


async def read_until_error(connector: MoodleConnector, stream: str) -> Reading:
    """Read a stream as far as it goes."""
    done = Reading()
    try:
        await _read(connector, stream, None, None, done)
    except ConnectorError as error:
        done.error = error
    return done


async def read_stream(
    connector: MoodleConnector, stream: str, cursor: Cursor | None = None, *, stop_after: int | None = None
) -> Reading:
    """Read a stream from a cursor to its end, or as if killed behind its page number `stop_after`."""
    done = Reading()
    await _read(connector, stream, cursor, stop_after, done)
    return done


async def _read(
    connector: MoodleConnector, stream: str, cursor: Cursor | None, stop_after: int | None, done: Reading
) -> None:
    async with reading(connector, stream, cursor) as pages:
        async for page in pages:
            for record in page.records:
                external_id, entity = connector.convert(stream, record.raw)
                done.entities[external_id] = entity
                done.times_seen[external_id] += 1
            done.rejected.extend(page.rejected)
            done.cursors.append(page.cursor)
            done.largest_page = max(done.largest_page, len(page.records))
            done.expected = page.expected if page.expected is not None else done.expected
            done.complete = page.complete
            if stop_after is not None and len(done.cursors) == stop_after:
                break


async def read_everything(connector: MoodleConnector) -> dict[str, Reading]:
    """Read every stream of a connection."""
    return {stream.name: await read_stream(connector, stream.name) for stream in connector.streams()}
