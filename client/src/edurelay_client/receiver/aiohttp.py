"""Receiving with aiohttp."""

from __future__ import annotations

from aiohttp import web

from edurelay_client.receiver.asynchronous import AsyncReceiver


class Receiver(AsyncReceiver):
    """`Receiver(secrets, handle).add_to(application, "/webhooks")`"""

    def add_to(self, application: web.Application, path: str) -> None:
        """Receive at `path`, until the application is cleaned up."""
        application.router.add_post(path, self._respond)
        application.on_cleanup.append(self._clean_up)

    async def _respond(self, request: web.Request) -> web.Response:
        answer = await self.receive(request.headers, request.content.iter_any())
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _clean_up(self, _: web.Application) -> None:
        await self.close()
