"""Receiving with FastAPI (the extra `fastapi`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Response

from edurelay_client.receiver.asynchronous import AsyncReceiver


class Receiver(AsyncReceiver):
    """`application.include_router(Receiver(secrets, handle).router("/webhooks"))`"""

    def router(self, path: str) -> APIRouter:
        """Return a router that receives at `path`, until the application shuts down."""
        router = APIRouter(lifespan=self._lifespan)
        router.add_api_route(path, self._respond, methods=["POST"], status_code=204, response_class=Response)
        return router

    async def _respond(self, request: Request) -> Response:
        """Take a webhook."""
        answer = await self.receive(request.headers, request.stream())
        return Response(answer.body, answer.status, dict(answer.headers))

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        yield
        await self.close()
