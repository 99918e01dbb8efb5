"""A small API on a real socket, and what the tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from typing import Any

import orjson
from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy
from pydantic import BaseModel, ConfigDict, Field

from edurelay.runtime.health import Readiness
from edurelay.web.application import build_application
from edurelay.web.auth import bearer_token, unauthenticated
from edurelay.web.gate import Limits
from edurelay.web.operation import Answer, Auth, Call, Caller, operation
from edurelay.web.paging import Page, PageQuery
from edurelay.web.problems import Problem
from edurelay.web.server import serve

#: The key of each tenant, as the tests send it.
KEYS = {"key-of-a": "tenant-a", "key-of-b": "tenant-b"}


class KeyAuthenticator:
    """Knows the tenants of `KEYS` and nobody else."""

    async def __call__(self, request: web.Request, kind: Auth) -> Caller:
        token = bearer_token(request)
        if token not in KEYS:
            raise unauthenticated()
        if kind != "tenant":
            raise Problem(403, "forbidden", "A tenant's key may not do this.")
        return Caller(tenant=KEYS[token], kind="tenant", key_id=token[-1])


class Colour(StrEnum):
    """What a thing may look like."""

    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    """A part of a thing."""

    model_config = ConfigDict(extra="forbid")

    size: int
    note: str | None = Field(default=None, max_length=10)


class NewThing(BaseModel):
    """What a thing is made from."""

    model_config = ConfigDict(extra="forbid")

    name: str
    colour: Colour = Colour.RED
    since: datetime | None = None
    parts: list[Part] = []
    data: dict[str, Any] = {}


class Thing(NewThing):
    """A thing that has been made."""

    id: str


class ThingQuery(PageQuery):
    """Which things to list."""

    colour: Colour | None = None
    tag: list[str] = []


class ServiceDown(Exception):
    """Something that the operations lean on is not there."""


class Things:
    """Operations of every kind."""

    def __init__(self) -> None:
        self.made = 0

    @operation(
        "POST", "/v1/things", summary="Make a thing", tag="things", body=NewThing, answers={201: Thing}, idempotent=True
    )
    async def make_thing(self, call: Call[NewThing, None]) -> Answer:
        """The name `broken` fails, `down` finds a service down, `taken` is taken."""
        self.made += 1
        match call.body.name:
            case "broken":
                raise RuntimeError("canary")
            case "down":
                raise ServiceDown
            case "taken":
                raise Problem(409, "name_taken", "There is a thing of this name.", field="name", holder="somebody")
        return Answer(201, Thing(id=f"thing-{self.made}", **call.body.model_dump()), {"Location": "/v1/things/1"})

    @operation("GET", "/v1/things", summary="List things", tag="things", query=ThingQuery, answers={200: Page[Thing]})
    async def list_things(self, call: Call[None, ThingQuery]) -> Answer:
        """All of them."""
        return Answer(body={"data": [], "next_cursor": None, "query": call.query})

    @operation("GET", "/v1/things/{id}", summary="Show a thing", tag="things", answers={200: dict[str, str]})
    async def get_thing(self, call: Call[None, None]) -> Answer:
        """Whatever its id."""
        return Answer(body={"id": call.path["id"], "tenant": call.tenant})

    @operation("DELETE", "/v1/things/{id}", summary="Delete a thing", tag="things", answers={204: None})
    async def delete_thing(self, _: Call[None, None]) -> Answer:
        """Gone."""
        return Answer(204)

    @operation(
        "POST",
        "/v1/things/{id}/start",
        summary="Start a thing",
        tag="things",
        body=Part,
        body_required=False,
        answers={202: None},
        waits=True,
    )
    async def start_thing(self, call: Call[Part, None]) -> Answer:
        """May take a while."""
        return Answer(202, {"waited": call.wait_seconds(30), "size": call.body.size})

    @operation(
        "POST",
        "/in/{id}",
        summary="Take anything",
        tag="inbound",
        auth="none",
        raw_body=True,
        limits=Limits(bytes=1000),
        answers={202: None},
    )
    async def take_anything(self, call: Call[None, None]) -> Answer:
        """As it comes."""
        return Answer(202, {"size": len(call.raw), "caller": call.caller.kind})

    @operation("GET", "/v1/report", summary="A report", tag="things", auth="admin", answers={200: None})
    async def report(self, _: Call[None, None]) -> web.StreamResponse:
        """Only for the administrator."""
        return web.Response(text="secret")


TABLE = {
    ServiceDown: lambda _error: Problem(
        503, "log_unavailable", "The log cannot take this now.", headers={"Retry-After": "1"}
    )
}


@dataclass(frozen=True)
class Got:
    """An answer, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.raw)


class Api:
    """A running API, spoken to over one connection pool, as tenant A unless a test says otherwise."""

    def __init__(self, session: ClientSession, port: int) -> None:
        self._session = session
        self.port = port

    async def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "key-of-a",
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
    ) -> Got:
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        url = f"http://127.0.0.1:{self.port}{path}"
        body = BytesIO(data) if data is not None else None
        async with self._session.request(method, url, headers=sent, data=body) as answer:
            return Got(answer.status, answer.headers, await answer.read())

    async def post(
        self, path: str, raw: bytes, *, key: str | None = "key-of-a", headers: dict[str, str] | None = None
    ) -> Got:
        """Post JSON text."""
        sent = {"Content-Type": "application/json"} | (headers or {})
        return await self.call("POST", path, data=raw, key=key, headers=sent)

    async def say(self, text: bytes) -> bytes:
        """Send bytes over a fresh connection and return all that comes until the server closes it or says no more."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(text)
            received = b""
            async with asyncio.timeout(5):
                while b"\r\n\r\n" not in received and (chunk := await reader.read(65536)):
                    received += chunk
            return received
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def serving(handlers: Sequence[object], **more: Any) -> AsyncIterator[Api]:
    """Serve an API made of these handlers."""
    settings = {
        "authenticate": KeyAuthenticator(),
        "title": "Things",
        "version": "1.0",
        "readiness": Readiness(),
        "table": TABLE,
        "publish_docs": True,
    }
    application = build_application(handlers, **(settings | more))  # type: ignore[arg-type]
    async with ClientSession() as session, serve(application, "127.0.0.1", 0, drain_seconds=2) as port:
        yield Api(session, port)
