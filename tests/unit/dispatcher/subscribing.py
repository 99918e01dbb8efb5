"""An endpoint as the gateway tells of it."""

from __future__ import annotations

from typing import Any

from edurelay.messages.subscriptions import SignatureProfile, Subscription


def subscription(
    endpoint_id: str = "ep", *, url: str = "https://receiver.example/", version: int = 1, **fields: Any
) -> Subscription:
    """Return one that says no more than it has to, and what is given."""
    return Subscription(
        id=endpoint_id,
        tenant="t",
        url=url,
        event_types=["*"],
        signature_profiles=[SignatureProfile.STANDARD],
        secrets=[],
        secret_expiries=[],
        version=version,
        **fields,
    )
