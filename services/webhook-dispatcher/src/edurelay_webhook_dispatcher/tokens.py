"""Tokens by OAuth 2.0 client credentials (RFC 6749, 4.4): fetched when needed, by one at a time, and kept."""

from __future__ import annotations

import asyncio
import math
import re
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from edurelay.egress.client import EgressAnswer, EgressClient
from edurelay.egress.errors import EgressError
from edurelay.messages.receiver_auth import ClientCredentialsAuth

#: How long a token lives whose answer does not say, and how long before its end none is used any more, in seconds.
UNSAID_SECONDS = 300.0
MARGIN_SECONDS = 30.0
#: Of a token that lives no longer than some margins, this share is used.
SHORTEST_SHARE = 0.5
#: How much of the answer is read, in bytes.
ANSWER_BYTES = 64 * 1024

_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


class TokenUnavailable(Exception):
    """The token endpoint gave no token. The message says why, and holds nothing that it answered."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    until: float


class TokenKeeper:
    """The token of one endpoint. Who asks while it is being fetched waits, and shares what comes of it."""

    def __init__(self, auth: ClientCredentialsAuth) -> None:
        self._auth = auth
        self._fetching = asyncio.Lock()
        self._token: _Token | None = None
        self._failure = ""
        self._failed = -math.inf

    async def token(self, client: EgressClient, *, timeout: float) -> str:
        """Return a token that is good now, fetched within `timeout` seconds if need be. Raises `TokenUnavailable`."""
        asked = time.monotonic()
        if self._token is not None and asked < self._token.until:
            return self._token.text
        try:
            async with asyncio.timeout(timeout), self._fetching:
                if self._token is not None and time.monotonic() < self._token.until:
                    return self._token.text
                if self._failed >= asked:
                    raise TokenUnavailable(self._failure)
                return await self._fetch(client, asked + timeout)
        except TimeoutError:
            raise TokenUnavailable("the token endpoint gave no token in time") from None

    def discard(self, text: str) -> None:
        """Use this token no more, since it was refused; a newer one stays."""
        if self._token is not None and self._token.text == text:
            self._token = None

    async def _fetch(self, client: EgressClient, deadline: float) -> str:
        began = time.monotonic()
        try:
            found = _read(await self._ask(client, deadline - began), began)
        except TokenUnavailable as error:
            self._failure, self._failed = str(error), time.monotonic()
            raise
        self._token = found
        return found.text

    async def _ask(self, client: EgressClient, timeout: float) -> EgressAnswer:
        auth = self._auth
        # RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
        pair = f"{quote_plus(auth.client_id)}:{quote_plus(auth.client_secret.get_secret_value())}"
        form = {"grant_type": "client_credentials"} | ({"scope": auth.scope} if auth.scope else {})
        headers = {
            "authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        try:
            return await client.request(
                "POST",
                auth.token_url,
                headers=headers,
                data=urlencode(form).encode(),
                timeout=timeout,
                max_bytes=ANSWER_BYTES,
            )
        except EgressError as error:
            raise TokenUnavailable(f"the token endpoint could not be asked: {error}") from error


def _read(answer: EgressAnswer, began: float) -> _Token:
    if answer.status != 200:
        raise TokenUnavailable(f"the token endpoint answered {answer.status}")
    try:
        body: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise TokenUnavailable("the token endpoint's answer is not JSON") from None
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise TokenUnavailable("the token endpoint's answer holds no token that can be used")
    kind = body.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenUnavailable("the token endpoint's token is not a bearer token")
    return _Token(token, began + good_for(body.get("expires_in")))


def good_for(expires_in: Any) -> float:
    """Return for how many seconds a token is used of which the answer says `expires_in`; some say it as a text."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        seconds = UNSAID_SECONDS
    if not 0 <= seconds < math.inf:
        seconds = UNSAID_SECONDS
    return max(seconds - MARGIN_SECONDS, seconds * SHORTEST_SHARE)
