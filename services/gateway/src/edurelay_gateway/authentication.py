"""Who calls: a tenant with its API key, the administration or another service with its token."""

from __future__ import annotations

from hmac import compare_digest

from aiohttp import web
from pydantic import SecretStr

from edurelay.web.auth import bearer_token, unauthenticated
from edurelay.web.operation import Auth, Caller
from edurelay.web.problems import Problem
from edurelay_gateway.tenants.keyring import Keyring

_NEEDED: dict[Auth, tuple[str, str]] = {
    "tenant": ("tenant_required", "This call needs the API key of a tenant."),
    "admin": ("admin_required", "This call needs the token of the administration."),
    "internal": ("internal_only", "This call is for the services among themselves."),
}


class GatewayAuthenticator:
    """Takes each token where it is asked for, and a tenant's key for what is a tenant's."""

    def __init__(self, keyring: Keyring, admin_token: SecretStr, internal_token: SecretStr) -> None:
        self._keyring = keyring
        self._tokens: tuple[tuple[Auth, bytes], ...] = (
            ("admin", admin_token.get_secret_value().encode()),
            ("internal", internal_token.get_secret_value().encode()),
        )

    async def __call__(self, request: web.Request, kind: Auth) -> Caller:
        """Return the caller. Raises a 401 problem for an unknown one, 403 for one of another kind."""
        text = bearer_token(request)
        caller = await self._caller(text)
        if caller is None:
            raise unauthenticated()
        if caller.kind != kind:
            raise Problem(403, *_NEEDED[kind])
        return caller

    async def _caller(self, text: str) -> Caller | None:
        owner = await self._keyring.owner(text)
        if owner is not None:
            return Caller(tenant=owner.tenant, kind="tenant", key_id=owner.short_id)
        presented = text.encode("utf-8", "surrogateescape")
        for kind, token in self._tokens:
            if compare_digest(presented, token):
                return Caller(tenant=None, kind=kind)
        return None
