"""Connections: configured connectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import EllipsisType
from typing import Any

from edurelay_client.models import Connection, ConnectionTest, NewConnection, Page, Run, WebhookAddress
from edurelay_client.resources.base import Resource, at, given


class Connections(Resource):
    """`/v1/connections`"""

    async def create(
        self,
        provider: str,
        *,
        config: Mapping[str, Any],
        credentials: Mapping[str, Any] | EllipsisType = ...,
        name: str | EllipsisType = ...,
        streams: Sequence[str] | EllipsisType | None = ...,
        status: str | EllipsisType = ...,
        webhook: Mapping[str, Any] | EllipsisType | None = ...,
        idempotency_key: str | None = None,
    ) -> NewConnection:
        """Make a connection; the answer holds the address for its provider's webhooks. `webhook` says how these are
        verified: `{"profile": "slack", "secrets": ["…"]}`."""
        body = given(
            provider=provider,
            config=config,
            credentials=credentials,
            name=name,
            streams=streams,
            status=status,
            webhook=webhook,
        )
        return await self._post(at("connections"), NewConnection, body, idempotency_key=idempotency_key)

    async def get(self, connection_id: str) -> Connection:
        """Return a connection."""
        return await self._get(at("connections", connection_id), Connection)

    async def page(
        self, *, provider: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Page[Connection]:
        """Return one page, the newest first."""
        query = {"provider": provider, "limit": limit, "cursor": cursor}
        return await self._page(at("connections"), Connection, query)

    def every(self, *, provider: str | None = None) -> AsyncIterator[Connection]:
        """Yield all, the newest first."""
        return self._every(at("connections"), Connection, {"provider": provider, "limit": 1000})

    async def change(
        self,
        connection_id: str,
        *,
        config: Mapping[str, Any] | EllipsisType = ...,
        credentials: Mapping[str, Any] | EllipsisType = ...,
        name: str | EllipsisType = ...,
        streams: Sequence[str] | EllipsisType | None = ...,
        status: str | EllipsisType = ...,
        webhook: Mapping[str, Any] | EllipsisType | None = ...,
    ) -> Connection:
        """Change what is given. What `webhook` leaves out stays; None ends the verification."""
        body = given(config=config, credentials=credentials, name=name, streams=streams, status=status, webhook=webhook)
        return await self._patch(at("connections", connection_id), Connection, body)

    async def delete(self, connection_id: str) -> None:
        """Delete a connection."""
        await self._delete(at("connections", connection_id))

    async def webhook_url(self, connection_id: str) -> str:
        """Return the address for the provider's webhooks."""
        return (await self.webhook(connection_id)).webhook_url

    async def webhook(self, connection_id: str) -> WebhookAddress:
        """Return where the provider's webhooks come in, and how they are verified."""
        return await self._get(at("connections", connection_id, "webhook"), WebhookAddress)

    async def rotate_webhook_secret(
        self, connection_id: str, secret: str, *, overlap_seconds: int | EllipsisType = ...
    ) -> Connection:
        """Take webhooks signed with `secret`; those signed with a present one are taken until the overlap ends."""
        path = at("connections", connection_id, "webhook", "rotate-secret")
        return await self._post(path, Connection, given(secret=secret, overlap_seconds=overlap_seconds))

    async def rotate_webhook_address(
        self, connection_id: str, *, overlap_seconds: int | EllipsisType = ...
    ) -> WebhookAddress:
        """Replace the address; the present one is taken until the overlap ends."""
        path = at("connections", connection_id, "webhook", "rotate-address")
        return await self._post(path, WebhookAddress, given(overlap_seconds=overlap_seconds))

    async def test(self, connection_id: str, *, wait: float = 30.0) -> ConnectionTest | Run:
        """Test a connection; return what was found, or the test's run where that took longer than `wait` seconds."""
        answer = await self._transport.call("POST", at("connections", connection_id, "test"), wait=wait)
        kind = ConnectionTest if answer.status == 200 else Run
        return kind.model_validate(answer.body)

    async def start_run(
        self,
        connection_id: str,
        *,
        streams: Sequence[str] | None = None,
        full: bool = False,
        dry_run: bool = False,
        kind: str = "sync",
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run, and wait up to `wait` seconds (60 at most) for its end. Raises `SyncInProgress`."""
        body = {"streams": streams, "full": full, "dry_run": dry_run, "kind": kind}
        path = at("connections", connection_id, "runs")
        answer = await self._transport.call("POST", path, body=body, wait=wait, idempotency_key=idempotency_key)
        return Run.model_validate(answer.body)
