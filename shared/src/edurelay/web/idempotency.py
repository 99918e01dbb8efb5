"""`Idempotency-Key`: the same request sent again has one effect and gets one answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from aiohttp import web

from edurelay.runtime.logging import get_logger
from edurelay.web.problems import Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
MAX_KEY = 255

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer as it was given. Its body may hold a secret that is shown once: a store seals it."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Fresh:
    """The key is new and now taken: act, then `finish` or `abandon` it."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The key was used with the same request: give its answer again."""

    answer: StoredAnswer


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The first request with this key has not been answered yet."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used with another request."""


class IdempotencyStore(Protocol):
    """Remembers keys, each within its tenant, over restarts. A key that is neither finished nor abandoned belonged
    to a process that died: after a while, some minutes at most, `begin` takes it for fresh again."""

    async def begin(self, tenant: str, key: str, fingerprint: str) -> Fresh | Replay | UnderWay | Mismatch:
        """Take the key if nobody has; of any number of concurrent calls exactly one gets `Fresh`."""

    async def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        """Keep the answer for whoever uses the key again."""

    async def abandon(self, tenant: str, key: str) -> None:
        """Forget the key: the request had no answer that is worth repeating."""


async def answer_once(
    store: IdempotencyStore, tenant: str, request: web.Request, raw: bytes, act: Callable[[], Awaitable[web.Response]]
) -> web.Response:
    """Answer by `act`, or by what it answered when the request's key was first used. Raises problems: 400 for a
    malformed key, 409 while the first request is under way, 422 for a key that was used with another request."""
    key = request.headers[HEADER]
    if not key or len(key) > MAX_KEY or not key.isascii() or not key.isprintable():
        raise Problem(
            400,
            "invalid_idempotency_key",
            f"The key must be 1 to {MAX_KEY} printable ASCII characters.",
            field=HEADER,
        )
    begun = await store.begin(tenant, key, fingerprint(request, raw))
    if isinstance(begun, Replay):
        stored = begun.answer
        return web.Response(status=stored.status, headers=stored.headers | {REPLAYED: "true"}, body=stored.body)
    if isinstance(begun, UnderWay):
        raise Problem(
            409,
            "idempotency_key_in_use",
            "The first request with this key is still under way.",
            field=HEADER,
            headers={"Retry-After": "1"},
        )
    if isinstance(begun, Mismatch):
        raise Problem(422, "idempotency_key_reused", "The key has been used with another request before.", field=HEADER)
    try:
        response = await act()
    except BaseException:
        # Also when cancelled: what nobody was told may be tried again.
        await _settle(store.abandon(tenant, key))
        raise
    if response.status >= 500:
        await _settle(store.abandon(tenant, key))
    else:
        body = response.body if isinstance(response.body, bytes) else b""
        await _settle(store.finish(tenant, key, StoredAnswer(response.status, dict(response.headers), body)))
    return response


def fingerprint(request: web.Request, raw: bytes) -> str:
    """Return what two requests have in common only if they ask for the same."""
    return sha256(b"\0".join((request.method.encode(), request.path_qs.encode(), raw))).hexdigest()


async def _settle(writing: Awaitable[None]) -> None:
    try:
        await writing
    except Exception as error:
        # The client's answer is decided; without the store its key stays taken until the store lets go of it.
        _log.warning("an idempotency key was not settled", exc_info=error)
