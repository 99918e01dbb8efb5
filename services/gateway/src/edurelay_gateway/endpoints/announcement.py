"""What the dispatcher is told of an endpoint."""

from __future__ import annotations

from edurelay.events.envelope import Message
from edurelay.events.topics import SUBSCRIPTIONS
from edurelay.messages.subscriptions import Subscription
from edurelay.mongo import Document
from edurelay_gateway.endpoints.models import StoredEndpoint


def announcement(endpoint: StoredEndpoint) -> Message:
    """Return the message of an endpoint's present state: a tombstone once it is deleted."""
    key = endpoint.id.encode()
    if endpoint.deleted_at is not None:
        return Message(SUBSCRIPTIONS.name, key, None)
    state = Subscription(
        id=endpoint.id,
        tenant=endpoint.tenant,
        url=endpoint.url,
        event_types=endpoint.event_types,
        enabled=endpoint.enabled,
        probed=endpoint.probed,
        signature_profiles=endpoint.signature_profiles,
        headers=endpoint.headers,
        secrets=[secret.sealed for secret in endpoint.secrets],
        secret_expiries=[secret.expires for secret in endpoint.secrets],
        signature_algorithms=endpoint.signature_algorithms,
        signing_keys=[key.sealed for key in endpoint.signing_keys],
        signing_key_expiries=[key.expires for key in endpoint.signing_keys],
        body_format=endpoint.body_format,
        auth=endpoint.auth.sealed if endpoint.auth is not None else None,
        max_in_flight=endpoint.max_in_flight,
        rate_per_second=endpoint.rate_per_second,
        retry_schedule=endpoint.retry_schedule,
        condition=endpoint.condition,
        fields=endpoint.fields,
        payload=endpoint.payload,
        ids=endpoint.ids,
        order=endpoint.order,
        version=endpoint.version,
    )
    return Message(SUBSCRIPTIONS.name, key, state.encode())


def announcement_of(document: Document) -> Message:
    """Return the same for a document."""
    return announcement(StoredEndpoint.model_validate(document))
