"""The receiver helper behind each framework's own server, on real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from aiohttp import web
from fastapi import FastAPI
from flask import Flask
from werkzeug.serving import make_server

from edurelay.security.signatures import new_secret, standard_headers
from edurelay_client.receiver import WebhookEvent, aiohttp, fastapi, flask

SECRET = new_secret()
PATH = "/hooks/edurelay"


class Handling:
    """A handler in both forms. It waits for `open`, and raises what stands in `errors`, one after the other."""

    def __init__(self) -> None:
        self.begun = 0
        self.events: list[WebhookEvent] = []
        self.errors: list[BaseException] = []
        self.open = threading.Event()
        self.open.set()

    def handle(self, event: WebhookEvent) -> None:
        self.begun += 1
        assert self.open.wait(30)
        if self.errors:
            raise self.errors.pop(0)
        self.events.append(event)

    async def ahandle(self, event: WebhookEvent) -> None:
        await asyncio.to_thread(self.handle, event)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; it is about another thread."""
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)


#: Serves a receiver made with these options; yields its address. Leaving it closes the receiver as its framework does.
Serve = Callable[..., AbstractAsyncContextManager[str]]


@asynccontextmanager
async def serve_aiohttp(handling: Handling, secrets: Any = SECRET, **options: Any) -> AsyncIterator[str]:
    application = web.Application()
    aiohttp.Receiver(secrets, handling.ahandle, **options).add_to(application, PATH)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_fastapi(handling: Handling, secrets: Any = SECRET, **options: Any) -> AsyncIterator[str]:
    application = FastAPI()
    application.include_router(fastapi.Receiver(secrets, handling.ahandle, **options).router(PATH))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="on", loop="asyncio", ws="none"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        async with asyncio.timeout(30):
            while not server.started:
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}"
    finally:
        server.should_exit = True
        await asyncio.to_thread(thread.join, 30)
        listener.close()


@asynccontextmanager
async def serve_flask(handling: Handling, secrets: Any = SECRET, **options: Any) -> AsyncIterator[str]:
    application = Flask(__name__)
    receiver = flask.Receiver(secrets, handling.handle, **options)
    application.register_blueprint(receiver.blueprint(PATH))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PATH}"
    finally:
        server.shutdown()
        await asyncio.to_thread(thread.join, 30)
        server.server_close()
        await asyncio.to_thread(receiver.close)


def body_of(event_id: str, **further: Any) -> dict[str, Any]:
    """Return the documented body."""
    moment = "2026-01-15T10:30:00.000Z"
    return {"id": event_id, "event": "student.created", "timestamp": moment, "data": {"n": 1}} | further


def signed(event_id: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a delivery that is sent now."""
    return standard_headers(event_id, int(time.time()), body, [secret]) | {"Content-Type": "application/json"}
