"""Who calls: a tenant with its API key, or the administration with its token."""

from __future__ import annotations

from hmac import compare_digest

from aiohttp import web
from pydantic import SecretStr

from edurelay.web.auth import bearer_token, unauthenticated
from edurelay.web.operation import Auth, Caller
from edurelay.web.problems import Problem
from edurelay_gateway.tenants.keyring import Keyring


class GatewayAuthenticator:
    """Takes the administration's token where it is asked for, and a tenant's key everywhere else."""

    def __init__(self, keyring: Keyring, admin_token: SecretStr) -> None:
        self._keyring = keyring
        self._admin_token = admin_token.get_secret_value().encode()

    async def __call__(self, request: web.Request, kind: Auth) -> Caller:
        """Return the caller. Raises a 401 problem for an unknown one, 403 for one of the other kind."""
        token = bearer_token(request)
        if compare_digest(token.encode("utf-8", "surrogateescape"), self._admin_token):
            if kind != "admin":
                raise Problem(403, "tenant_required", "This call needs the API key of a tenant.")
            return Caller(tenant=None, kind="admin")
        owner = await self._keyring.owner(token)
        if owner is None:
            raise unauthenticated()
        if kind != "tenant":
            raise Problem(403, "admin_required", "This call needs the token of the administration.")
        return Caller(tenant=owner.tenant, kind="tenant", key_id=owner.short_id)
