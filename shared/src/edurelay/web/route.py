"""Everything that happens with a request, in one wrapper around each operation, put together at start-up.

This is the hot path of the whole system: no chain of middlewares, nothing looked up that start-up can know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson
from aiohttp import hdrs, web
from multidict import CIMultiDict, MultiDict, istr
from pydantic import BaseModel

from edurelay.runtime.metrics import HTTP_REQUESTS, HTTP_SECONDS
from edurelay.runtime.tracing import continue_trace
from edurelay.web.auth import Authenticator
from edurelay.web.body import read_body, refuse_encoding, require_json
from edurelay.web.idempotency import HEADER as IDEMPOTENCY_KEY
from edurelay.web.idempotency import IdempotencyStore, answer_once
from edurelay.web.operation import Answer, Call, Caller, Handler, Operation
from edurelay.web.problems import ErrorFormat, ErrorTable, Problem, problem_of
from edurelay.web.validation import body_reader, query_reader

#: An answer is JSON, is not guessed at, and is nobody's to keep: some hold a secret that is shown once.
HEADERS: CIMultiDict[str] = CIMultiDict(
    {hdrs.CONTENT_TYPE: "application/json", "X-Content-Type-Options": "nosniff", hdrs.CACHE_CONTROL: "no-store"}
)

ANYBODY = Caller(tenant=None, kind="none")

NO_QUERY: MultiDict[str] = MultiDict()

_TRACEPARENT = istr("traceparent")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all routes of an API share."""

    authenticate: Authenticator
    errors: ErrorFormat
    table: ErrorTable
    idempotency: IdempotencyStore | None


def build_route(
    operation: Operation, handle: Handler, around: Surroundings
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what answers a request for this operation: it authenticates, reads, checks, acts, and tells problems."""
    read = _reader(operation)
    read_query = query_reader(operation.query)
    takes_any_query = operation.raw_body and operation.query is None
    authenticate = around.authenticate if operation.auth != "none" else None
    store = around.idempotency if operation.idempotent else None
    seconds = HTTP_SECONDS.of(operation.id)

    async def answer(request: web.Request) -> web.StreamResponse:
        caller = await authenticate(request, operation.auth) if authenticate is not None else ANYBODY
        path = request.match_info
        for value in path.values():
            if "\0" in value:
                raise Problem(404, "not_found", "There is no such thing.")
        query = None if takes_any_query else read_query(request.query if request.rel_url.raw_query_string else NO_QUERY)
        raw, body = await read(request)
        call = Call(request, body, query, path, caller, raw)
        if store is None or IDEMPOTENCY_KEY not in request.headers:
            return respond(await handle(call))

        async def act() -> web.Response:
            response = respond(await handle(call))
            assert isinstance(response, web.Response), "a stream cannot be idempotent"
            return response

        return await answer_once(store, caller.tenant or caller.kind, request, raw, act)

    async def route(request: web.Request) -> web.StreamResponse:
        started = perf_counter()
        with continue_trace(request.headers.get(_TRACEPARENT)):
            try:
                response = await answer(request)
            except Exception as error:
                # Every error is told to the client: by the table, or as our own fault.
                response = tell(problem_of(error, around.table), around.errors)
        seconds.observe(perf_counter() - started)
        HTTP_REQUESTS.of(operation.id, str(response.status)).inc()
        return response

    return route


def _reader(operation: Operation) -> Callable[[web.Request], Awaitable[tuple[bytes, Any]]]:
    """Return what reads the body as the operation declares it: not at all, as bytes, or as a checked value."""
    most = operation.limits.bytes

    async def ignore(_request: web.Request) -> tuple[bytes, Any]:
        return b"", None

    async def read_raw(request: web.Request) -> tuple[bytes, Any]:
        refuse_encoding(request)
        return await read_body(request, most), None

    if operation.raw_body:
        return read_raw
    if operation.body is None:
        return ignore
    check = body_reader(operation.body, operation.limits)

    async def read_json(request: web.Request) -> tuple[bytes, Any]:
        refuse_encoding(request)
        raw = await read_body(request, most)
        if raw:
            require_json(request)
        elif not operation.body_required:
            return raw, check(b"{}")
        return raw, check(raw)

    return read_json


def respond(answer: Answer | web.StreamResponse) -> web.StreamResponse:
    """Return the answer as it is sent."""
    if isinstance(answer, web.StreamResponse):
        return answer
    body = answer.body
    if body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    headers = HEADERS.copy()
    if answer.headers is not None:
        headers.update(answer.headers)
    return web.Response(status=answer.status, headers=headers, body=to_json(body))


def to_json(body: Any) -> bytes:
    """Return JSON text: of a model, or of plain values that may hold models."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, BaseModel):
        return body.__pydantic_serializer__.to_json(body, by_alias=True)
    return orjson.dumps(body, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def tell(problem: Problem, errors: ErrorFormat) -> web.Response:
    """Return the problem in the shape that the API gives its errors."""
    status, body = errors.render(problem)
    headers = HEADERS.copy()
    headers[hdrs.CONTENT_TYPE] = errors.content_type
    headers.update(problem.headers)
    response = web.Response(status=status, headers=headers, body=to_json(body))
    if headers.get(hdrs.CONNECTION) == "close":
        response.force_close()
    return response
