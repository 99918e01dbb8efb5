"""Calls of Moodle's web-service functions."""

from __future__ import annotations

import asyncio
from typing import Any

from edurelay_connector_runner.connectors.moodle.answers import decode
from edurelay_connector_runner.connectors.moodle.config import ENDPOINT, MoodleConfig, MoodleCredentials
from edurelay_connector_runner.connectors.moodle.encoding import Argument, encode
from edurelay_connector_runner.sdk import HttpClient, Permanent

Row = dict[str, Any]

#: A course of 3,000 people is about 25 MB of grades; nothing that is asked for here comes near this.
MAX_BYTES = 64 * 1024 * 1024


class MoodleClient:
    """Speaks to one site. At most `concurrency` calls are under way at once, whoever makes them."""

    def __init__(self, http: HttpClient, config: MoodleConfig, credentials: MoodleCredentials) -> None:
        self._http = http
        self._url = config.api_url + ENDPOINT
        self._timeout = config.timeout_seconds
        self._token = credentials.ws_token
        self._settings = {"moodlewsrestformat": "json"}
        if config.multilang:
            self._settings["moodlewssettingfilter"] = "1"
        if config.language is not None:
            self._settings["moodlewssettinglang"] = config.language
        self._slots = asyncio.Semaphore(config.concurrency)

    async def call(self, function: str, **arguments: Argument) -> Any:
        """Call a function. The token travels in the form, so that it stays out of the logs of web servers."""
        form = {
            "wstoken": self._token.get_secret_value(),
            "wsfunction": function,
            **self._settings,
            **encode(arguments),
        }
        async with self._slots:
            answer = await self._http.request("POST", self._url, form=form, timeout=self._timeout, max_bytes=MAX_BYTES)
        return decode(function, answer)

    async def rows(self, function: str, /, **arguments: Argument) -> list[Row]:
        """Call a function that answers with a list of objects."""
        return objects(function, await self.call(function, **arguments))

    async def rows_in(self, key: str, function: str, /, **arguments: Argument) -> list[Row]:
        """Call a function that answers with an object that has a list of objects under `key`."""
        answer = await self.call(function, **arguments)
        return objects(function, answer.get(key) if isinstance(answer, dict) else None)


def objects(function: str, value: Any) -> list[Row]:
    """Return `value` if it is a list of objects. Raises `Permanent`."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise Permanent(f"{function} was answered with something else than the list that Moodle documents")
    return value


def number(function: str, row: Row, key: str = "id") -> int:
    """Return a row's id. Raises `Permanent`: without ids nothing that follows could be right."""
    value = row.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Permanent(f"{function} was answered with an entry whose {key} is no number")
    return value
