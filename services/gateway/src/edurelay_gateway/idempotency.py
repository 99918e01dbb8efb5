"""Where idempotency keys and the answers given under them are kept.

A key is taken by inserting it: of any number of callers one can. Who took it and works renews a short lease, so that
the key of a process that died is free again within seconds, while a long wait for a run holds its key to the end.
Answers are sealed: some hold a secret that is shown once. They are packed before, since one that lists what a sync has
mapped has as many megabytes as a document may have.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from edurelay.events.ids import digest, new_id
from edurelay.mongo import (
    CollectionSpec,
    Database,
    Document,
    DuplicateKeyError,
    Index,
    StoreUnavailable,
)
from edurelay.runtime.logging import get_logger
from edurelay.security.sealing import Sealer
from edurelay.web.idempotency import Fresh, Mismatch, Replay, StoredAnswer, UnderWay

IDEMPOTENCY_KEYS = CollectionSpec("idempotency_keys", (Index((("expires_at", 1),), expire_after_seconds=0),))

#: How long an answer is kept for repetitions.
KEEP = timedelta(hours=24)

#: How long a key is held by somebody of whom nothing is heard, and how often who works lets hear, in seconds.
LEASE_SECONDS = 15.0
RENEW_SECONDS = 4.0

#: The quickest level of zlib; and from how many bytes on an answer is packed beside the event loop.
PACKING = 1
LARGE = 64 * 1024

_log = get_logger(__name__)


class MongoIdempotencyStore:
    """The `IdempotencyStore` of `edurelay.web`, in the gateway's database."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        lease_seconds: float = LEASE_SECONDS,
        keep: timedelta = KEEP,
    ) -> None:
        self._collection = database[IDEMPOTENCY_KEYS]
        self._sealer = sealer
        self._lease_seconds = lease_seconds
        self._keep = keep
        #: The keys that this process works under, each with the token by which it holds it.
        self._held: dict[str, str] = {}

    async def begin(self, tenant: str, key: str, fingerprint: str) -> Fresh | Replay | UnderWay | Mismatch:
        """Take the key if nobody has; of any number of concurrent calls exactly one gets `Fresh`."""
        identifier, token = _identifier(tenant, key), new_id("hold")
        document = {**self._taken(fingerprint, token), "_id": identifier}
        try:
            await self._collection.insert_one(document)
        except DuplicateKeyError:
            found = await self._collection.find_one({"_id": identifier})
            if found is None:
                return UnderWay()  # It was given up between the two; the caller comes again.
            judged = self._judge(found, fingerprint)
            if judged is not None:
                return judged
            if not await self._take_over(found, fingerprint, token):
                return UnderWay()
        self._held[identifier] = token
        return Fresh()

    async def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        """Keep the answer for whoever uses the key again, if this process still holds the key."""
        identifier = _identifier(tenant, key)
        token = self._held.pop(identifier, None)
        large = len(answer.body) > LARGE
        fields: Document = {
            "status": answer.status,
            "answer": await asyncio.to_thread(self._seal, identifier, answer)
            if large
            else self._seal(identifier, answer),
            "expires_at": datetime.now(UTC) + self._keep,
        }
        await self._collection.update_one({"_id": identifier, "token": token}, {"$set": fields})

    async def abandon(self, tenant: str, key: str) -> None:
        """Forget the key: the request had no answer that is worth repeating."""
        identifier = _identifier(tenant, key)
        token = self._held.pop(identifier, None)
        await self._collection.delete_one({"_id": identifier, "token": token, "status": None})

    async def renew(self) -> None:
        """Hold on to all keys that this process works under."""
        held = list(self._held)
        if held:
            owned = {"_id": {"$in": held}, "token": {"$in": list(self._held.values())}}
            await self._collection.update_many(owned, {"$set": {"lease_until": time.time() + self._lease_seconds}})

    async def run(self, *, every: float = RENEW_SECONDS) -> None:
        """Renew, for ever."""
        while True:
            await asyncio.sleep(every)
            try:
                await self.renew()
            except StoreUnavailable as error:
                _log.warning("the leases of idempotency keys could not be renewed", reason=str(error))

    def _seal(self, identifier: str, answer: StoredAnswer) -> str:
        headers = {str(name): value for name, value in answer.headers.items()}
        plain = orjson.dumps({"headers": headers, "body": answer.body.decode()})
        return self._sealer.seal(zlib.compress(plain, PACKING), _context(identifier))

    def _judge(self, found: Document, fingerprint: str) -> Replay | UnderWay | Mismatch | None:
        """Say what a key that was taken means for this request; None where it may be taken over."""
        if found["expires_at"] < datetime.now(UTC):
            return None
        if found["fingerprint"] != fingerprint:
            return Mismatch()
        if found["status"] is None:
            return UnderWay() if found["lease_until"] > time.time() else None
        packed = self._sealer.unseal(found["answer"], _context(found["_id"]))
        plain: dict[str, Any] = orjson.loads(zlib.decompress(packed))
        return Replay(StoredAnswer(found["status"], plain["headers"], plain["body"].encode()))

    async def _take_over(self, found: Document, fingerprint: str, token: str) -> bool:
        """Take a key whose holder died, or whose time is over and which the database has not collected yet."""
        taken = await self._collection.update_one(
            {"_id": found["_id"], "token": found["token"], "lease_until": found["lease_until"]},
            {"$set": self._taken(fingerprint, token)},
        )
        return taken.matched_count == 1

    def _taken(self, fingerprint: str, token: str) -> Document:
        return {
            "fingerprint": fingerprint,
            "token": token,
            "lease_until": time.time() + self._lease_seconds,
            "status": None,
            "answer": None,
            "expires_at": datetime.now(UTC) + self._keep,
        }


def _identifier(tenant: str, key: str) -> str:
    return digest("idempotency", tenant, key).hex()


def _context(identifier: str) -> str:
    return f"idempotency|{identifier}|answer"
