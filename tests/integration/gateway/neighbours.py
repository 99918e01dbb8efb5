"""The other services as small real HTTP servers: what the gateway asks them is recorded, and answered by a table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

MANIFESTS = [
    {
        "provider": "MOODLE",
        "title": "Moodle",
        "version": "1",
        "summary": "A learning platform.",
        "config_schema": {"type": "object"},
        "credentials_schema": {"type": "object"},
        "streams": [
            {"name": "courses", "entity_type": "course", "primary_key": ["id"]},
            {"name": "students", "entity_type": "student", "primary_key": ["id"]},
        ],
        "capabilities": ["fetch"],
        "webhook_profile": "standard",
    },
    {
        "provider": "GENERIC_CSV",
        "title": "CSV files",
        "version": "1",
        "summary": "Files in a folder.",
        "config_schema": {"type": "object"},
        "credentials_schema": {"type": "object"},
        "streams": [],
        "capabilities": [],
    },
]


@dataclass
class Stream:
    """A stream as the dispatcher would answer for it. `first` is the first number that is there; while it is `away` it
    refuses to answer."""

    events: list[dict[str, Any]] = field(default_factory=list)
    committed: int = 0
    first: int = 1
    away: bool = False
    asked: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event_type: str | None, event: Any) -> None:
        """Put an event behind the others."""
        number = len(self.events) + 1
        told = {"sequence": number, "delivery_id": None, "event_id": f"evt_{number}", "event_type": event_type}
        self.events.append({**told, "event": event})
        self.grown.set()
        self.grown = asyncio.Event()

    async def answer(self, query: dict[str, str]) -> web.Response:
        """Answer a reader, when there is something or its time is up."""
        self.asked += 1
        if self.away:
            return _problem(503, "store_unavailable")
        after = int(query.get("after", self.committed))
        if after < self.first - 1:
            return _problem(410, "events_gone", first=self.first)
        if len(self.events) <= after:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.grown.wait(), float(query["wait"]))
        data = self.events[after : after + int(query["limit"])]
        return _json(200, {"data": data, "after": after, "committed": self.committed})


@dataclass
class Neighbours:
    """The stand-ins of all three services, behind one address. An answer that was not `tell`-ed is a 404 problem, as
    for something that does not exist; a list that was not is empty."""

    token: str
    url: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)

    def tell(self, method: str, path: str, body: Any, status: int = 200) -> None:
        """Answer a call so from now on."""
        self.answers[method, path] = (status, body)

    def last(self, method: str, path: str) -> Any:
        """Return the body of the last such call."""
        return [body for each_method, each_path, body in self.asked if (each_method, each_path) == (method, path)][-1]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer."""
        raw = await request.read()
        body = orjson.loads(raw) if raw else dict(request.query)
        self.asked.append((request.method, request.path, body))
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _problem(401, "unauthenticated")
        stream = self.streams.get(request.path)
        if stream is not None:
            return await stream.answer(body)
        told = self.answers.get((request.method, request.path))
        if told is not None:
            return _json(*told)
        if request.path == "/internal/providers":
            return _json(200, {"data": MANIFESTS})
        if request.path.endswith("/validate"):
            return _validate(request.path.split("/")[3], body)
        if request.method == "GET" and request.path.endswith("/count"):
            return _json(200, {"count": 0})
        if request.method == "GET" and _is_list(request.path):
            return _json(200, {"data": [], "next_cursor": None, "after": int(request.query.get("after", 0))})
        return _problem(404, "not_found")


def _is_list(path: str) -> bool:
    last = path.split("/")
    return last[-1] in ("events", "deliveries", "mappings", "rejected") or last[-2] == "entities"


def _validate(provider: str, body: Any) -> web.Response:
    if provider not in ("MOODLE", "GENERIC_CSV"):
        return _problem(404, "not_found")
    needed = "apiUrl" if provider == "MOODLE" else "importPath"
    if not isinstance(body["config"].get(needed), str):
        error = {"field": f"config.{needed}", "code": "missing", "detail": "Field required"}
        return _problem(422, "invalid_configuration", errors=[error])
    return web.Response(status=204)


def _problem(status: int, code: str, **further: Any) -> web.Response:
    return _json(status, {"title": "t", "status": status, "code": code, "detail": "It is so.", **further})


def _json(status: int, body: Any) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


@asynccontextmanager
async def standing_in(token: str) -> AsyncIterator[Neighbours]:
    """Serve the stand-ins."""
    neighbours = Neighbours(token)
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", neighbours.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    neighbours.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield neighbours
    finally:
        await runner.cleanup()
