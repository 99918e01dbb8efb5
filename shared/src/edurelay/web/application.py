"""An API put together: its operations as routes, its faces, its health, its contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import hdrs, web

from edurelay.runtime import metrics
from edurelay.runtime.health import OK, Readiness
from edurelay.web.auth import Authenticator
from edurelay.web.docs import docs_page
from edurelay.web.idempotency import IdempotencyStore
from edurelay.web.openapi import Documented, openapi_document
from edurelay.web.operation import operations_of
from edurelay.web.problems import ErrorFormat, ErrorTable, Problem, problem_json
from edurelay.web.route import HEADERS, Surroundings, build_route, tell, to_json

_Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Face:
    """A documented API beside our own: its handlers under its prefix, telling errors in its own shape.

    `name` keeps its operations' ids apart from those of others.
    """

    name: str
    handlers: Sequence[object]
    errors: ErrorFormat
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class _Mounted:
    documented: Documented
    handler: object
    method: str


def describe(handlers: Sequence[object], *, title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of handlers and faces; classes will do in place of objects."""
    return openapi_document((each.documented for each in _mount(handlers)), title=title, version=version)


def build_application(
    handlers: Sequence[object],
    *,
    authenticate: Authenticator,
    title: str,
    version: str,
    readiness: Readiness,
    idempotency: IdempotencyStore | None = None,
    errors: ErrorFormat = problem_json,
    table: ErrorTable | None = None,
    publish_docs: bool = False,
) -> web.Application:
    """Return the application of all operations that `handlers`, faces among them, declare.

    `table` says how the service's own exceptions are told. Beside the operations there are `/livez`, `/readyz` and
    `/metrics`, and with `publish_docs` `/openapi.json` and `/docs`. Raises `ValueError` for operations that collide.
    """
    application = web.Application()
    mounted = list(_mount(handlers, errors))
    formats: dict[web.AbstractResource, ErrorFormat] = {}
    for each in mounted:
        operation = each.documented.operation
        around = Surroundings(authenticate, each.documented.errors, table or {}, idempotency)
        handle = build_route(operation, getattr(each.handler, each.method), around)
        resource = _add(application, operation.method, each.documented.path, handle)
        formats[resource] = each.documented.errors
    _add_health(application, readiness)
    if publish_docs:
        document = openapi_document((each.documented for each in mounted), title=title, version=version)
        _add_page(application, "/openapi.json", to_json(document), "application/json")
        _add_page(application, "/docs", docs_page(document), "text/html; charset=utf-8")
    _add_fallback(application, formats, handlers, errors)
    return application


def _mount(handlers: Sequence[object], errors: ErrorFormat = problem_json) -> Iterator[_Mounted]:
    """Yield every operation as it is mounted. Raises `ValueError` where two have one id, or one method and path."""
    ids: set[str] = set()
    places: set[tuple[str, str]] = set()
    for each in _all(handlers, errors):
        operation = each.documented.operation
        place = (operation.method, each.documented.path)
        if operation.id in ids or place in places:
            raise ValueError(f"two operations are called {operation.id}, or answer {' '.join(place)}")
        ids.add(operation.id)
        places.add(place)
        yield each


def _all(handlers: Sequence[object], errors: ErrorFormat) -> Iterator[_Mounted]:
    for handler in handlers:
        if isinstance(handler, Face):
            for inner in handler.handlers:
                for operation, method in operations_of(inner):
                    named = replace(operation, id=f"{handler.name}_{operation.id}")
                    yield _Mounted(Documented(named, handler.prefix + operation.path, handler.errors), inner, method)
        else:
            for operation, method in operations_of(handler):
                yield _Mounted(Documented(operation, operation.path, errors), handler, method)


def _add(application: web.Application, method: str, path: str, handle: _Handle) -> web.AbstractResource:
    router = application.router
    # By itself a parameter takes no braces, but there are ids that have them.
    path = path.replace("}", ":[^/]+}") if ":" not in path else path
    route = router.add_get(path, handle) if method == "GET" else router.add_route(method, path, handle)
    assert route.resource is not None
    return route.resource


def _add_page(application: web.Application, path: str, body: bytes, content_type: str) -> None:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    _add(application, "GET", path, page)


def _add_health(application: web.Application, readiness: Readiness) -> None:
    async def livez(_request: web.Request) -> web.Response:
        return web.Response(body=b'{"status":"alive"}', headers=HEADERS)

    async def readyz(_request: web.Request) -> web.Response:
        checks = await readiness.report()
        ready = all(answer == OK for answer in checks.values())
        body = to_json({"status": "ready" if ready else "unready", "checks": checks})
        return web.Response(status=200 if ready else 503, body=body, headers=HEADERS)

    async def metricz(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={hdrs.CONTENT_TYPE: metrics.CONTENT_TYPE})

    _add(application, "GET", "/livez", livez)
    _add(application, "GET", "/readyz", readyz)
    _add(application, "GET", "/metrics", metricz)


def _add_fallback(
    application: web.Application,
    formats: dict[web.AbstractResource, ErrorFormat],
    handlers: Sequence[object],
    errors: ErrorFormat,
) -> None:
    """Answer what no operation answers: 405 where only the method is wrong, else 404, each in its face's shape."""
    prefixes = [(f"{each.prefix}/", each.errors) for each in handlers if isinstance(each, Face) and each.prefix]

    async def fallback(request: web.Request) -> web.Response:
        allowed: set[str] = set()
        shape = next((own for prefix, own in prefixes if request.path.startswith(prefix)), errors)
        for resource in application.router.resources():
            if resource is everything:
                continue
            _, methods = await resource.resolve(request)
            if methods:
                allowed |= methods
                shape = formats.get(resource, shape)
        if allowed:
            detail = f"This path answers {', '.join(sorted(allowed))}."
            problem = Problem(405, "method_not_allowed", detail, headers={hdrs.ALLOW: ", ".join(sorted(allowed))})
        else:
            problem = Problem(404, "not_found", "There is no such thing.")
        metrics.HTTP_REQUESTS.of("none", str(problem.status)).inc()
        return tell(problem, shape)

    everything = _add(application, hdrs.METH_ANY, "/{anything:.*}", fallback)
