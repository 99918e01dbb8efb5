"""What an endpoint asks of whoever sends to it, beside the signature: a header, a token, or a certificate."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from edurelay.egress.certificates import client_context
from edurelay.egress.client import EgressClient
from edurelay.messages.receiver_auth import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    ClientCertificateAuth,
    ClientCredentialsAuth,
    ReceiverAuth,
)
from edurelay.runtime.secrets import REDACTED
from edurelay_webhook_dispatcher.tokens import TokenKeeper

#: Shorter values are no secrets, and leaving them out would make every answer unreadable.
_SHORTEST_SECRET = 4


@dataclass(frozen=True, slots=True)
class Proof:
    """What one attempt carries: headers, named in lower case, or a certificate. `secrets` are the texts that must not
    be shown if the receiver sends them back."""

    headers: dict[str, str]
    secrets: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None

    def over(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return `headers` with those of the proof, in place of others of the same name."""
        if not self.headers:
            return headers
        return {name: value for name, value in headers.items() if name.lower() not in self.headers} | self.headers

    def hide(self, answer: bytes) -> bytes:
        """Return `answer` without the secrets, as they are and as JSON writes them."""
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_SECRET:
                for written in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
                    for text in (written, written.replace("/", r"\/")):
                        answer = answer.replace(text.encode(), REDACTED.encode())
        return answer


NOTHING = Proof({})


class Credentials:
    """Proves to one endpoint who sends, as its `auth` says."""

    def __init__(self, auth: ReceiverAuth | None) -> None:
        self._proof: Proof | None = NOTHING
        self._tokens: TokenKeeper | None = None
        self._build: Callable[[], Proof] = lambda: NOTHING
        self._building = asyncio.Lock()
        match auth:
            case BasicAuth():
                self._proof = _basic(auth)
            case BearerAuth(token=token):
                self._proof = _bearer(token.get_secret_value())
            case ApiKeyAuth(header=header, value=value):
                self._proof = Proof({header.lower(): value.get_secret_value()}, (value.get_secret_value(),))
            case ClientCredentialsAuth():
                self._tokens, self._proof = TokenKeeper(auth), None
            case ClientCertificateAuth():
                self._build, self._proof = partial(_certified, auth), None

    async def proof(self, client: EgressClient, *, timeout: float) -> Proof:
        """Return what an attempt has to carry. A token that has to be fetched first is, with `client`, within `timeout`
        seconds. Raises `TokenUnavailable`, `CertificateRefused`."""
        if self._proof is not None:
            return self._proof
        if self._tokens is not None:
            return _bearer(await self._tokens.token(client, timeout=timeout))
        async with self._building:
            if self._proof is None:
                self._proof = await asyncio.to_thread(self._build)
            return self._proof

    def refused(self, proof: Proof) -> bool:
        """Take note that the receiver answered 401 to `proof`; tell whether another one can be had."""
        if self._tokens is None:
            return False
        self._tokens.discard(proof.secrets[0])
        return True


def _basic(auth: BasicAuth) -> Proof:
    password = auth.password.get_secret_value()
    encoded = b64encode(f"{auth.username}:{password}".encode()).decode()
    return Proof({"authorization": f"Basic {encoded}"}, (password, encoded))


def _bearer(token: str) -> Proof:
    return Proof({"authorization": f"Bearer {token}"}, (token,))


def _certified(auth: ClientCertificateAuth) -> Proof:
    # One context serves all attempts of the endpoint, and no other endpoint's: connections belong to it.
    return Proof({}, tls=client_context(auth.certificate, auth.private_key.get_secret_value()))
