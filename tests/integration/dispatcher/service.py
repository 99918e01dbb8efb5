"""The whole dispatcher in this process: built by its composition root, fed through Kafka, with stand-ins beside it."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import SecretStr

from edurelay.events.envelope import Event, Message, now, unix_timestamp
from edurelay.events.ids import new_event_id, new_id
from edurelay.events.topics import EVENTS, SUBSCRIPTIONS
from edurelay.kafka.producer import Producer
from edurelay.messages.subscriptions import SignatureProfile, Subscription, sealing_context
from edurelay.runtime.supervisor import Lifetime
from edurelay.security.sealing import Sealer
from edurelay.security.signatures import new_secret
from edurelay.web.internal import InternalClient, QueryValues
from edurelay.web.problems import Problem
from edurelay_cli.embedded.process import free_port
from edurelay_webhook_dispatcher.app import build
from edurelay_webhook_dispatcher.settings import DispatcherSettings
from integration.gateway.neighbours import Neighbours, standing_in
from integration.gateway.world import until

TOKEN = "internal-token"
KEYS = "k1:" + b64encode(bytes(32)).decode()

#: The time of a replay of everything.
EVERYTHING = {"since": unix_timestamp(0), "until": "2100-01-01T00:00:00.000Z"}


@dataclass
class Service:
    """A running dispatcher, from outside."""

    neighbours: Neighbours
    client: InternalClient
    producer: Producer

    async def subscribe(self, tenant: str, url: str | None, *, endpoint_id: str | None = None, **fields: Any) -> str:
        """Tell of an endpoint; return its id once the dispatcher knows it."""
        endpoint = endpoint_id or new_id("ep")
        sealed = Sealer.from_keys(KEYS).seal(new_secret().encode(), sealing_context(tenant, endpoint))
        state = Subscription(
            id=endpoint,
            tenant=tenant,
            url=url,
            signature_profiles=[SignatureProfile.STANDARD],
            secrets=[sealed],
            secret_expiries=[0],
            version=time.time_ns(),
            **{"event_types": ["*"], **fields},
        )
        await self.producer.send(Message(SUBSCRIPTIONS.name, endpoint.encode(), state.encode()))
        await until(lambda: self._knows(tenant, endpoint), bool)
        return endpoint

    async def unsubscribe(self, tenant: str, endpoint: str) -> None:
        """Tell that an endpoint was deleted, and return when the dispatcher knows."""
        await self.producer.send(Message(SUBSCRIPTIONS.name, endpoint.encode(), None))
        await until(lambda: self._knows(tenant, endpoint), lambda knows: not knows)

    async def _knows(self, tenant: str, endpoint: str) -> bool:
        try:
            path = f"/internal/tenants/{tenant}/endpoints/{endpoint}/events"
            await self.client.get(path, dict[str, Any], query={"after": 2**53, "limit": 1})
        except Problem:
            return False
        return True

    async def publish(self, tenant: str, event_type: str, data: Any, *, subject: str | None = None) -> str:
        """Publish an event, with bytes as they are for data, and return its id."""
        raw = data if isinstance(data, bytes) else orjson.dumps(data)
        event = Event(new_event_id(), event_type, "/here", tenant, now(), raw, subject)
        await self.producer.send(Message(EVENTS.name, event.key, event.data, event.headers()))
        return event.id

    async def ledger(self, tenant: str, endpoint: str) -> dict[str, int]:
        """Return how many deliveries stand where."""
        return await self.client.get(f"/internal/tenants/{tenant}/endpoints/{endpoint}/ledger", dict[str, int])

    async def delivered(self, tenant: str, endpoint: str, count: int) -> list[dict[str, Any]]:
        """Return an endpoint's deliveries, once there are so many and all of them arrived."""
        path = f"/internal/tenants/{tenant}/deliveries"
        query: QueryValues = {"endpoint": endpoint, "limit": 100}
        page = await until(
            lambda: self.client.get(path, dict[str, Any], query=query),
            lambda page: [each["status"] for each in page["data"]] == ["delivered"] * count,
        )
        return list(page["data"])

    async def post(self, tenant: str, path: str, body: Any = None) -> Any:
        """Tell the internal API."""
        return await self.client.post(f"/internal/tenants/{tenant}/{path}", body, dict[str, Any])


@asynccontextmanager
async def running(kafka: str, mongo: str, **others: Any) -> AsyncIterator[Service]:
    """Run a dispatcher for as long as the context lasts, with `others` of its settings. Its mapping service and its
    gateway are one stand-in."""
    async with standing_in(TOKEN) as neighbours, Producer(kafka, client_id=new_id("feed")) as producer:
        values: dict[str, Any] = {
            "kafka": kafka,
            "mongo": mongo,
            "mongo_database": new_id("dispatcher"),
            "http_port": free_port(),
            "internal_token": SecretStr(TOKEN),
            "seal_keys": SecretStr(KEYS),
            "gateway_url": neighbours.url,
            "mapping_url": neighbours.url,
            "egress_allow": "127.0.0.0/8",
            "require_https": False,
            "retry_schedule": "0,0.3,0.6",
            "drain_seconds": 10.0,
        }
        settings = DispatcherSettings(**values | others)
        lifetime = Lifetime(settings.drain_seconds)
        client = InternalClient("dispatcher", f"http://127.0.0.1:{settings.http_port}", settings.internal_token)
        await lifetime.start(lambda started: build(settings, started))
        try:
            assert lifetime.failure is None, lifetime.failure
            async with client:
                yield Service(neighbours, client, producer)
        finally:
            await lifetime.close()
        assert lifetime.failure is None, lifetime.failure
