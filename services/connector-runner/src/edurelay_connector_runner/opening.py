"""Opening a connection's connector: the only place where credentials are unsealed, for as long as it is open."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson

from edurelay.messages.connections import Connection, sealing_context
from edurelay.runtime.logging import get_logger
from edurelay.security.sealing import Sealer, Unsealable
from edurelay_connector_runner.runs.decision import Decision, Patience
from edurelay_connector_runner.sdk import (
    ConfigurationError,
    Connector,
    ConnectorError,
    Context,
    Files,
    HttpClient,
    RateLimit,
    Stream,
)
from edurelay_connector_runner.sdk.registry import Registry

log = get_logger(__name__)

#: Shorter values are no secrets, and leaving them out would make every text unreadable.
SHORTEST_SECRET = 4
#: Seconds that a connector may take to close.
CLOSE_SECONDS = 5.0


class ConnectionTable(Protocol):
    """The connections as the gateway last told them."""

    def get(self, key: str) -> Connection | None:
        """Return the newest state of a connection, None where there is none."""


#: Gives the files that a tenant's connectors may see.
FilesFor = Callable[[str], Files]

#: Gives the HTTP client for a connection (by id), its provider, and the provider's rate limit.
HttpFor = Callable[[str, str, RateLimit | None], HttpClient]


@dataclass(frozen=True, slots=True)
class Opened:
    """An open connector, its connection, the texts that must not be shown to anybody, and the patience with it."""

    connector: Connector
    connection: Connection
    secrets: tuple[str, ...]
    patience: Patience

    def streams(self) -> dict[str, Stream]:
        """Return the streams of the connection by name, in the connector's order. Raises `ConnectorError`."""
        try:
            return {stream.name: stream for stream in self.connector.streams()}
        # A connector's own code over a tenant's config: its error is shown as cautiously as any.
        except Exception as error:
            kind = ConfigurationError if isinstance(error, ConfigurationError) else ConnectorError
            raise kind(self.judge(error, 1).reason) from None

    def judge(self, error: Exception, attempts: int) -> Decision:
        """Return what happens after an error of the connector; one that nobody expected is logged."""
        if not isinstance(error, ConnectorError):
            log.error(
                "a connector failed unexpectedly",
                provider=self.connection.provider,
                connection_id=self.connection.id,
                trace=_hide("".join(traceback.format_exception(error)), self.secrets),
            )
        decision = self.patience.after(error, attempts)
        return replace(decision, reason=_hide(decision.reason, self.secrets))


class Opening:
    """Opens connectors."""

    def __init__(
        self,
        connections: ConnectionTable,
        registry: Registry,
        sealer: Sealer,
        http_for: HttpFor,
        files_for: FilesFor,
        patience: Patience,
    ) -> None:
        self._connections = connections
        self._registry = registry
        self._sealer = sealer
        self._http_for = http_for
        self._files_for = files_for
        self._patience = patience

    @asynccontextmanager
    async def open(self, tenant: str, connection_id: str) -> AsyncIterator[Opened]:
        """Open the connector of a tenant's connection, and close it at the end. Raises `ConfigurationError` where
        that cannot be done."""
        connection = self._connections.get(connection_id)
        if connection is None or connection.tenant != tenant:
            raise ConfigurationError("the connection does not exist any more")
        kind = self._registry.connector(connection.provider)
        credentials = self._unseal(connection)
        secrets = tuple(sorted(set(_texts(credentials)), key=len, reverse=True))
        http = self._http_for(connection_id, connection.provider, kind.manifest.rate_limit)
        try:
            connector = kind(Context(connection.config, credentials, http, self._files_for(tenant)))
        except ConfigurationError as error:
            raise ConfigurationError(_hide(str(error), secrets)) from None
        # A connector's constructor is foreign code, and its error may quote what it was given.
        except Exception as error:
            raise ConnectorError(f"the connector could not be opened ({type(error).__name__})") from None
        try:
            yield Opened(connector, connection, secrets, self._patience)
        finally:
            await _close(connector, connection)

    def _unseal(self, connection: Connection) -> Mapping[str, Any]:
        if connection.credentials is None:
            return {}
        try:
            plaintext = self._sealer.unseal(connection.credentials, sealing_context(connection.tenant, connection.id))
        except Unsealable as error:
            raise ConfigurationError(f"the credentials cannot be unsealed: {error}") from error
        credentials: Mapping[str, Any] = orjson.loads(plaintext)
        return credentials


async def _close(connector: Connector, connection: Connection) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connector.close()
    # The work is done or has failed with a better reason; a connector that cannot close must not change that.
    except Exception as error:
        log.warning(
            "a connector did not close",
            provider=connection.provider,
            connection_id=connection.id,
            error=type(error).__name__,
        )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) >= SHORTEST_SECRET:
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _hide(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
