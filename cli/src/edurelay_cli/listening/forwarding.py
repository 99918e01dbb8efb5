"""A delivery handed on to a local program, byte for byte, and its answer handed back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

#: Less than the dispatcher waits, so that it hears what went wrong here.
_SECONDS = 14.0
_ANSWER_BYTES = 64 * 1024

#: Headers that belong to one connection, and are not handed on.
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
#: What of an answer's headers the dispatcher looks at.
_HANDED_BACK = ("Content-Type", "Retry-After", "webhook-delivery")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What a local program answered, after how long; `error` where there was no answer."""

    status: int
    milliseconds: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None


class Forwarder:
    """Hands deliveries on to one address."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        automatic = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
        self._session = aiohttp.ClientSession(timeout=timeout, skip_auto_headers=automatic)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def forward(self, headers: Mapping[str, str], body: bytes) -> Forwarded:
        """Send the same bytes with the same headers, and return what was answered; 502 where nothing was."""
        kept = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION}
        began = time.monotonic()
        try:
            async with self._session.post(self._url, data=body, headers=kept, allow_redirects=False) as answer:
                return Forwarded(
                    answer.status,
                    _since(began),
                    {name: answer.headers[name] for name in _HANDED_BACK if name in answer.headers},
                    await _beginning(answer),
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = f"{self._url} did not answer: {str(error) or f'nothing came within {_SECONDS:g} s'}"
            return Forwarded(502, _since(began), {"Content-Type": "text/plain"}, reason.encode(), reason)


async def _beginning(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while len(body) < _ANSWER_BYTES and (chunk := await answer.content.readany()):
        body += chunk
    return bytes(body[:_ANSWER_BYTES])


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
