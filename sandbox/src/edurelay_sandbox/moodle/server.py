"""The sandbox as a web server: Moodle's two addresses, and the sandbox's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from edurelay_sandbox.faults import Fault, FaultKind, Faults
from edurelay_sandbox.moodle.control import Control
from edurelay_sandbox.moodle.formats import as_json
from edurelay_sandbox.moodle.login import issue_token
from edurelay_sandbox.moodle.school import School
from edurelay_sandbox.moodle.service import Answer, Service
from edurelay_sandbox.moodle.traffic import Traffic
from edurelay_sandbox.moodle.variables import read_variables

ENDPOINT = "/webservice/rest/server.php"
PASSWORD = "sandbox"  # noqa: S105
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "private, must-revalidate, pre-check=0, post-check=0, max-age=0",
    "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    "Pragma": "no-cache",
    "Accept-Ranges": "none",
}
_PAGE = '<!DOCTYPE html>\n<html lang="en"><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n'


class MoodleSandbox:
    """A Moodle for one school. `faults` and `traffic` are there for tests that run it in their own process."""

    def __init__(self, school: School, *, password: str = PASSWORD) -> None:
        self.school = school
        self.faults = Faults()
        self.traffic = Traffic()
        self.service = Service(school)
        self._password = password

    def application(self) -> web.Application:
        """Return the web application."""
        application = web.Application(client_max_size=64 * 1024 * 1024)
        application.add_routes(Control(self.school, self.faults, self.traffic).routes())
        application.router.add_route("*", ENDPOINT, self._serve)
        application.router.add_route("*", "/login/token.php", self._login)
        application.router.add_get("/", self._home)
        application.router.add_route("*", "/{anything:.*}", self._missing)
        return application

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve, and give the base URL."""
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            chosen = runner.addresses[0][1]
            yield f"http://{host}:{chosen}"
        finally:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        variables = await read_variables(request)
        function = str(variables.get("wsfunction", ""))
        with self.traffic.request(function):
            faults = self.faults.take(function)
            if slow := faults.get(FaultKind.SLOW):
                await asyncio.sleep(slow.seconds)
            if (failure := _failure(faults)) is not None:
                return failure
            answer = self.service.answer(variables, faults)
            if FaultKind.CUT in faults:
                return await _cut(request, answer)
            body = answer.body[: len(answer.body) // 2] if FaultKind.BROKEN_JSON in faults else answer.body
            headers = _HEADERS | {"Content-Type": answer.content_type}
            if answer.content_type.startswith("application/xml"):
                headers["Content-Disposition"] = 'inline; filename="response.xml"'
            return web.Response(body=body, headers=headers)

    async def _login(self, request: web.Request) -> web.Response:
        body = as_json(issue_token(await read_variables(request), self._password))
        return web.Response(body=body, headers=_HEADERS | {"Content-Type": "application/json; charset=utf-8"})

    async def _home(self, request: web.Request) -> web.Response:
        return _page(200, f"Home | {self.school.courses[1].shortname}")

    async def _missing(self, request: web.Request) -> web.Response:
        body = b"<html>\n<head><title>404 Not Found</title></head>\n<body>\n</body>\n</html>\n"
        return web.Response(status=404, body=body, headers={"Content-Type": "text/html"})


def _page(status: int, title: str, headers: dict[str, str] | None = None) -> web.Response:
    text = _PAGE.format(title)
    return web.Response(
        status=status, body=text.encode(), headers={"Content-Type": "text/html; charset=utf-8"} | (headers or {})
    )


def _failure(faults: dict[FaultKind, Fault]) -> web.Response | None:
    """Return the answer of a fault that keeps a request from Moodle's own code."""
    if fault := faults.get(FaultKind.STATUS):
        headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else None
        return _page(fault.status, f"{fault.status} from the sandbox", headers)
    if FaultKind.SWITCHED_OFF in faults:
        return web.Response(status=403, headers={"Content-Type": "text/html; charset=utf-8"})
    if fault := faults.get(FaultKind.REDIRECT):
        return _page(303, "Redirect", {"Location": fault.location})
    if FaultKind.HTML in faults:
        return _page(200, "A page of a proxy")
    return None


async def _cut(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Send half of an answer, then close the connection."""
    response = web.StreamResponse(headers=_HEADERS | {"Content-Type": answer.content_type})
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
