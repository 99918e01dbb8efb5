"""From an HTTP answer to a value or an error. Pure.

Most of Moodle's errors come at status 200. Those that do not, come from the web server, from a proxy, or from a
Moodle whose web services are switched off or which is in maintenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from edurelay_connector_runner.connectors.moodle.failures import MAINTENANCE_SECONDS, failure
from edurelay_connector_runner.sdk import ConfigurationError, HttpAnswer, Permanent, Throttled, Transient

_XML_ERROR = b"<EXCEPTION"
_THROTTLED_SECONDS = 60.0
_MAX_SECONDS = 86_400.0


def decode(function: str, answer: HttpAnswer) -> Any:
    """Return what Moodle answered. Raises one of the SDK's errors."""
    if answer.status != 200:
        _raise_for_status(answer)
    if _XML_ERROR in answer.body[:200]:
        raise ConfigurationError(
            "Moodle got the request without its form; something between here and the site drops the body of a POST"
        )
    try:
        value = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        kind = "a web page" if answer.body.lstrip()[:1] == b"<" else "broken JSON"
        raise Transient(f"{function} was answered with {kind}") from error
    if isinstance(value, dict) and "exception" in value:
        raise failure(function, value)
    return value


def _raise_for_status(answer: HttpAnswer) -> None:
    status = answer.status
    if 300 <= status < 400:
        raise ConfigurationError(
            f"the site sends requests on to {_elsewhere(answer.headers)}: apiUrl has to be exactly the address that "
            "Moodle has configured as its own (wwwroot), with the right scheme, host name and path"
        )
    if status == 403:
        raise ConfigurationError(
            "the site refuses web services (403): switch on web services and the REST protocol in Moodle, and let "
            "firewalls and proxies pass"
        )
    if status in (401, 407):
        raise ConfigurationError(f"a server in front of Moodle asks for a login ({status})")
    if status in (404, 405, 410):
        raise ConfigurationError(f"there is no Moodle at apiUrl: its web-service address answers {status}")
    retry_after = seconds_to_wait(answer.headers.get("retry-after"))
    if status == 429 or (status == 503 and retry_after is not None):
        fallback = _THROTTLED_SECONDS if status == 429 else MAINTENANCE_SECONDS
        raise Throttled(fallback if retry_after is None else retry_after, f"the site asks to be left alone ({status})")
    if status == 408 or status >= 500:
        raise Transient(f"the site, or a server in front of it, fails with {status}")
    raise Permanent(f"the site answers {status}")


def _elsewhere(headers: Mapping[str, str]) -> str:
    """Return where a redirect leads, without the query, which may repeat the token."""
    try:
        parts = urlsplit(headers.get("location", ""))
        return f"{parts.scheme}://{parts.hostname}{parts.path}"[:300] if parts.hostname else "another address"
    except ValueError:
        return "another address"


def seconds_to_wait(retry_after: str | None) -> float | None:
    """Read `Retry-After` in either of its forms; None where there is none that makes sense."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _MAX_SECONDS)
