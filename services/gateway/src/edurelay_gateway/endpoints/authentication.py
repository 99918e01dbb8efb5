"""How an endpoint's deliveries prove to the receiver who sends them: checked when it is saved, then kept sealed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from edurelay.egress.certificates import CertificateRefused, checked_certificate
from edurelay.egress.errors import UrlRefused
from edurelay.egress.guard import AddressGuard
from edurelay.egress.urls import check_url
from edurelay.messages.receiver_auth import (
    ApiKeyAuth,
    ApiKeyAuthView,
    ClientCertificateAuth,
    ClientCertificateAuthView,
    ClientCredentialsAuth,
    ReceiverAuth,
    ReceiverAuthView,
    encode,
    view_of,
)
from edurelay.messages.subscriptions import AUTH, sealing_context
from edurelay.security.sealing import Sealer
from edurelay_gateway.endpoints.models import StoredAuth
from edurelay_gateway.endpoints.rules import is_ours
from edurelay_gateway.errors import AuthNotAllowed, UrlNotAllowed


class EndpointAuth:
    """Checks and seals. `require_https` refuses token endpoints on plain HTTP, as it does endpoints."""

    def __init__(self, sealer: Sealer, guard: AddressGuard, *, require_https: bool) -> None:
        self._sealer = sealer
        self._guard = guard
        self._require_https = require_https

    async def sealed(
        self, tenant: str, endpoint_id: str, auth: ReceiverAuth | None, *, now: float
    ) -> StoredAuth | None:
        """Return `auth` as it is kept. Raises `AuthNotAllowed`, `UrlNotAllowed`."""
        if auth is None:
            return None
        checked = await self._checked(auth, now)
        text = self._sealer.seal(encode(checked), sealing_context(tenant, endpoint_id, AUTH))
        return StoredAuth(view=view_of(checked), sealed=text)

    async def _checked(self, auth: ReceiverAuth, now: float) -> ReceiverAuth:
        match auth:
            case ApiKeyAuth(header=header) if is_ours(header) or header.lower() == "authorization":
                raise AuthNotAllowed(f"the header {header.lower()} cannot hold the key", "auth.header")
            case ClientCredentialsAuth(token_url=token_url):
                try:
                    check_url(token_url, guard=self._guard, require_https=self._require_https)
                except UrlRefused as error:
                    raise UrlNotAllowed(str(error), "auth.token_url") from error
            case ClientCertificateAuth(certificate=chain, private_key=key):
                try:
                    clean = await asyncio.to_thread(checked_certificate, chain, key.get_secret_value(), now=now)
                except CertificateRefused as error:
                    raise AuthNotAllowed(str(error), f"auth.{error.part}") from None
                return auth.model_copy(update={"certificate": clean})
        return auth


def check_together(url: str, headers: Mapping[str, str], auth: ReceiverAuthView | None) -> None:
    """Raise `AuthNotAllowed` where what proves the sender does not go with an endpoint's address or headers."""
    match auth:
        case None:
            return
        case ClientCertificateAuthView():
            if not url.lower().startswith("https://"):
                raise AuthNotAllowed("a client certificate needs an address that begins with https://", "auth")
            return
        case ApiKeyAuthView(header=header):
            taken = header.lower()
        case _:
            taken = "authorization"
    for name in headers:
        if name.lower() == taken:
            raise AuthNotAllowed(f"the header {taken} is set by `auth`", f"headers.{name}")
