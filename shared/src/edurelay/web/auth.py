"""Who calls: the port that a service fills, and the simple case of services among themselves."""

from __future__ import annotations

from hmac import compare_digest
from typing import Protocol

from aiohttp import hdrs, web
from pydantic import SecretStr

from edurelay.web.operation import Auth, Caller
from edurelay.web.problems import Problem


class Authenticator(Protocol):
    """Tells who calls an operation of the given kind."""

    async def __call__(self, request: web.Request, kind: Auth) -> Caller:
        """Return the caller. Raises a problem: 401 for an unknown one, 403 for one that may not."""


def bearer_token(request: web.Request) -> str:
    """Return the token of `Authorization: Bearer`. Raises a 401 problem where there is none."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if not token or scheme.lower() != "bearer":
        raise unauthenticated("The call needs `Authorization: Bearer` with a key.")
    return token.strip()


def unauthenticated(detail: str = "The key is not valid.") -> Problem:
    """Return the 401 problem, the same for every way in which a key can be wrong."""
    return Problem(401, "unauthenticated", detail, field=hdrs.AUTHORIZATION, headers={hdrs.WWW_AUTHENTICATE: "Bearer"})


class InternalOnly:
    """The authenticator of a service that only its siblings call, with the token that they all know."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token.get_secret_value().encode()

    async def __call__(self, request: web.Request, kind: Auth) -> Caller:
        """Return the caller `internal`; nothing else gets in, whatever the operation allows."""
        if not compare_digest(bearer_token(request).encode("utf-8", "surrogateescape"), self._token):
            raise unauthenticated()
        return Caller(tenant=None, kind="internal")
