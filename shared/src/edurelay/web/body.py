"""Reading a request's body: bounded in bytes and in time, never decompressed, of a declared kind."""

from __future__ import annotations

import asyncio

from aiohttp import ClientPayloadError, hdrs, web
from aiohttp.http_exceptions import BadHttpMessage

from edurelay.web.problems import Problem

#: How long the whole body may take to arrive, in seconds.
BODY_SECONDS = 20.0

#: After a body that never ends there is no next request to be found on the connection.
_CLOSE: dict[str, str] = {hdrs.CONNECTION: "close"}


def refuse_encoding(request: web.Request) -> None:
    """Raise a 415 problem for a compressed body: nothing here inflates what somebody else has packed."""
    encoding = request.headers.get(hdrs.CONTENT_ENCODING)
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise Problem(
            415,
            "unsupported_encoding",
            "A compressed body is not accepted; send it without Content-Encoding.",
            field=hdrs.CONTENT_ENCODING,
        )


def require_json(request: web.Request) -> None:
    """Raise a 415 problem unless the body says that it is JSON in UTF-8."""
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    if content_type == "application/json":
        return
    essence, _, parameters = content_type.lower().replace(" ", "").replace('"', "").partition(";")
    is_json = essence == "application/json" or (essence.startswith("application/") and essence.endswith("+json"))
    if not is_json or parameters not in ("", "charset=utf-8"):
        raise Problem(
            415,
            "unsupported_media_type",
            "The body must be JSON in UTF-8: `Content-Type: application/json`.",
            field=hdrs.CONTENT_TYPE,
            headers={"Accept": "application/json"},
        )


async def read_body(request: web.Request, most: int, *, within: float = BODY_SECONDS) -> bytes:
    """Return the body, at most `most` bytes. Raises a problem: 413, 408 where it does not come, 400 where it breaks."""
    content = request.content
    try:
        if content.is_eof():
            raw = content.read_nowait()
            if len(raw) > most:
                raise _too_large(most)
            return raw
        if (request.content_length or 0) > most:
            raise _too_large(most)
        received = bytearray()
        async with asyncio.timeout(within):
            while chunk := await content.readany():
                received += chunk
                if len(received) > most:
                    raise _too_large(most)
        return bytes(received)
    except TimeoutError:
        raise Problem(
            408, "body_timeout", f"The body did not arrive within {within:g} s.", field="body", headers=_CLOSE
        ) from None
    except (ClientPayloadError, BadHttpMessage, web.RequestPayloadError, ConnectionError):
        raise Problem(
            400, "broken_body", "The body broke off or is not framed as HTTP asks.", field="body", headers=_CLOSE
        ) from None


def _too_large(most: int) -> Problem:
    return Problem(413, "too_large", f"The body is larger than {most} bytes.", field="body", limit=most)
