"""The sandbox's own API: true counts, changes and faults."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from edurelay_sandbox.faults import Fault, Faults
from edurelay_sandbox.moodle.school import School
from edurelay_sandbox.moodle.traffic import Traffic


class Control:
    """Routes under /_sandbox."""

    def __init__(self, school: School, faults: Faults, traffic: Traffic) -> None:
        self._school = school
        self._faults = faults
        self._traffic = traffic

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/_sandbox/school", self._counts),
            web.post("/_sandbox/change", self._change),
            web.post("/_sandbox/enrolments", self._enrolments),
            web.get("/_sandbox/faults", self._list_faults),
            web.post("/_sandbox/faults", self._add_fault),
            web.delete("/_sandbox/faults", self._clear_faults),
            web.get("/_sandbox/traffic", self._show_traffic),
        ]

    async def _counts(self, request: web.Request) -> web.Response:
        return web.json_response(self._school.counts())

    async def _change(self, request: web.Request) -> web.Response:
        wanted = await _numbers(request, students=0, seed=0)
        return web.json_response({"students": self._school.change(wanted["students"], wanted["seed"])})

    async def _enrolments(self, request: web.Request) -> web.Response:
        wanted = await _numbers(request, add=0, remove=0, seed=0)
        added, removed = self._school.shuffle(wanted["seed"], add=wanted["add"], remove=wanted["remove"])
        return web.json_response({"added": added, "removed": removed})

    async def _list_faults(self, request: web.Request) -> web.Response:
        return web.json_response([fault.document() for fault in self._faults.active()])

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = Fault.parse(await _document(request))
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        self._faults.add(fault)
        return web.json_response(fault.document(), status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._faults.clear()
        return web.Response(status=204)

    async def _show_traffic(self, request: web.Request) -> web.Response:
        return web.json_response({"requests": dict(self._traffic.requests), "at_once": self._traffic.at_once})


async def _document(request: web.Request) -> Any:
    try:
        text = await request.text()
        return json.loads(text) if text else {}
    except ValueError as error:
        raise web.HTTPBadRequest(text="the body is not JSON") from error


async def _numbers(request: web.Request, **defaults: int) -> dict[str, int]:
    document = await _document(request)
    if not isinstance(document, dict) or not document.keys() <= defaults.keys():
        raise web.HTTPBadRequest(text=f"the body may have these members: {', '.join(defaults)}")
    wanted: dict[str, Any] = defaults | document
    if any(isinstance(number, bool) or not isinstance(number, int) or number < 0 for number in wanted.values()):
        raise web.HTTPBadRequest(text="every member is a whole number")
    return wanted
