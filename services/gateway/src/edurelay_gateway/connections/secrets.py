"""What is secret about a connection: the provider's credentials, and the address for its webhooks."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Any, cast

import orjson

from edurelay.messages.connections import sealing_context
from edurelay.security.sealing import Sealer

#: Compared with where a connection does not exist, so that this costs what a wrong secret costs.
NOBODY = hashlib.sha256(b"").hexdigest()


def new_webhook_secret() -> str:
    """Return a fresh secret for the address of a connection's webhooks."""
    return secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """Return what is kept of a webhook's secret for comparing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def is_secret(presented: str, kept_hash: str) -> bool:
    """Tell in constant time whether a presented secret is the one behind `kept_hash`."""
    return hmac.compare_digest(hash_of(presented), kept_hash)


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

    def webhook_secret(self, tenant: str, connection_id: str, sealed: str) -> str:
        """Return a webhook's secret in the clear. Raises `Unsealable`."""
        return self._sealer.unseal(sealed, _webhook_context(tenant, connection_id)).decode()


def _webhook_context(tenant: str, connection_id: str) -> str:
    return f"connection|{tenant}|{connection_id}|webhook"
