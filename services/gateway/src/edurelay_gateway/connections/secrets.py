"""What is secret about a connection: the provider's credentials, and the address for its webhooks."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any, cast

import orjson

from edurelay.messages.connections import sealing_context
from edurelay.security.sealing import Sealer

#: So many secrets of one kind may count at a time: each is compared with each webhook.
MAX_LIVE = 5

#: Compared with where a connection does not exist, so that this costs what a wrong secret costs. A word that no hash
#: is, since an empty secret has one as well.
NOBODY = "nobody".ljust(64)


def new_webhook_secret() -> str:
    """Return a fresh secret for the address of a connection's webhooks."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Return what is kept of a webhook's secret for comparing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def is_one_of(presented: str, kept_hashes: Sequence[str]) -> bool:
    """Tell whether a presented secret is behind one of the `kept_hashes`, at the same cost however many there are."""
    own = hash_of(presented)
    right = False
    for kept in (*kept_hashes, *[NOBODY] * (MAX_LIVE - len(kept_hashes))):
        right |= hmac.compare_digest(own, kept)
    return right


class ConnectionSecrets:
    """Seals and unseals, each bound to its connection, so that nothing can be moved to another one."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def seal_credentials(self, tenant: str, connection_id: str, credentials: dict[str, Any]) -> str | None:
        """Return the credentials as they are kept and sent; None where there are none."""
        if not credentials:
            return None
        return self._sealer.seal(orjson.dumps(credentials), sealing_context(tenant, connection_id))

    def credentials(self, tenant: str, connection_id: str, sealed: str | None) -> dict[str, Any]:
        """Return sealed credentials in the clear. Raises `Unsealable`."""
        if sealed is None:
            return {}
        return cast("dict[str, Any]", orjson.loads(self._sealer.unseal(sealed, sealing_context(tenant, connection_id))))

    def seal_webhook_secret(self, tenant: str, connection_id: str, secret: str) -> str:
        """Return a webhook's secret as it is kept."""
        return self._sealer.seal(secret.encode(), _webhook_context(tenant, connection_id))

    def seal_signing_secret(self, tenant: str, connection_id: str, secret: str) -> str:
        """Return a secret that webhooks are signed with as it is kept."""
        return self._sealer.seal(secret.encode(), _signing_context(tenant, connection_id))

    def signing_secret(self, tenant: str, connection_id: str, sealed: str) -> str:
        """Return a secret that webhooks are signed with in the clear. Raises `Unsealable`."""
        return self._sealer.unseal(sealed, _signing_context(tenant, connection_id)).decode()

    def webhook_secret(self, tenant: str, connection_id: str, sealed: str) -> str:
        """Return a webhook's secret in the clear. Raises `Unsealable`."""
        return self._sealer.unseal(sealed, _webhook_context(tenant, connection_id)).decode()


def _webhook_context(tenant: str, connection_id: str) -> str:
    return f"connection|{tenant}|{connection_id}|webhook"


def _signing_context(tenant: str, connection_id: str) -> str:
    return f"connection|{tenant}|{connection_id}|webhook-signing"
