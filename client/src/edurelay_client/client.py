"""The client: `async with Client(url, key) as client: await client.events.publish(…)`."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from edurelay_client.access import FOLDER, Access
from edurelay_client.resources.administration import Providers, Tenants
from edurelay_client.resources.connections import Connections
from edurelay_client.resources.deliveries import Deliveries
from edurelay_client.resources.endpoints import Endpoints
from edurelay_client.resources.events import Events
from edurelay_client.resources.records import Entities, Mappings
from edurelay_client.resources.runs import Runs
from edurelay_client.retries import RetryPolicy
from edurelay_client.transport import Transport


class Client:
    """A typed client of `/v1`, to be used as an async context manager.

    Each POST carries an `Idempotency-Key`; what fails for now (no connection, 503) is tried again within `retries`,
    and `Retry-After` is honoured. `timeout` is in seconds, for one attempt. Whatever goes wrong is an `EdurelayError`.
    """

    def __init__(
        self, base_url: str, api_key: str, *, timeout: float = 30.0, retries: RetryPolicy | None = None
    ) -> None:
        self._transport = Transport(base_url, api_key, timeout=timeout, retries=retries or RetryPolicy())
        self.events = Events(self._transport)
        self.endpoints = Endpoints(self._transport)
        self.deliveries = Deliveries(self._transport)
        self.connections = Connections(self._transport)
        self.runs = Runs(self._transport)
        self.mappings = Mappings(self._transport)
        self.entities = Entities(self._transport)
        self.providers = Providers(self._transport)
        self.tenants = Tenants(self._transport)

    @classmethod
    def at_hand(
        cls,
        url: str | None = None,
        api_key: str | None = None,
        *,
        tenant: str | None = None,
        folder: Path = FOLDER,
        timeout: float = 30.0,
        retries: RetryPolicy | None = None,
    ) -> Self:
        """Return a client for what `Access.find` finds. Raises `NotConfigured`."""
        access = Access.find(url, api_key, tenant=tenant, folder=folder)
        return cls(access.url, access.api_key, timeout=timeout, retries=retries)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)
