"""What an endpoint asks of whoever sends to it, beside the signature: a header, a token, or a certificate."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

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
        """Return `answer` without the secrets."""
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_SECRET:
                answer = answer.replace(secret.encode(), REDACTED.encode())
        return answer


NOTHING = Proof({})


class Credentials:
    """Proves to one endpoint who sends, as its `auth` says."""

    def __init__(self, auth: ReceiverAuth | None) -> None:
        self._tokens: TokenKeeper | None = None
        self._certificate: ClientCertificateAuth | None = None
        self._building = asyncio.Lock()
        self._proof: Proof | None = NOTHING
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
                self._certificate, self._proof = auth, None

    async def proof(self, client: EgressClient, *, timeout: float) -> Proof:
        """Return what an attempt has to carry. A token that has to be fetched first is, with `client`, within `timeout`
        seconds. Raises `TokenUnavailable`, `CertificateRefused`."""
        if self._proof is not None:
            return self._proof
        if self._tokens is not None:
            return _bearer(await self._tokens.token(client, timeout=timeout))
        return await self._built()

    def refused(self, proof: Proof) -> bool:
        """Take note that the receiver answered 401 to `proof`; tell whether another one can be had."""
        if self._tokens is None:
            return False
        self._tokens.discard(proof.secrets[0])
        return True

    async def _built(self) -> Proof:
        """Return the proof by certificate. One context serves all attempts, and no other endpoint's."""
        async with self._building:
            if self._proof is None and self._certificate is not None:
                chain, key = self._certificate.certificate, self._certificate.private_key.get_secret_value()
                self._proof = Proof({}, tls=await asyncio.to_thread(client_context, chain, key))
            return self._proof or NOTHING


def _basic(auth: BasicAuth) -> Proof:
    password = auth.password.get_secret_value()
    encoded = b64encode(f"{auth.username}:{password}".encode()).decode()
    return Proof({"authorization": f"Basic {encoded}"}, (password, encoded))


def _bearer(token: str) -> Proof:
    return Proof({"authorization": f"Bearer {token}"}, (token,))
