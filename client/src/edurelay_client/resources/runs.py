"""Runs: what connections were told to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from edurelay_client.models import Page, RejectedRecord, Run
from edurelay_client.resources.base import Resource, at

#: The longest that one call waits for the end of a run, in seconds.
_ONE_WAIT = 30.0


class Runs(Resource):
    """`/v1/runs`"""

    async def get(self, run_id: str, *, wait: float | None = None) -> Run:
        """Return a run, waiting up to `wait` seconds (60 at most) for its end."""
        return Run.model_validate((await self._transport.call("GET", at("runs", run_id), wait=wait)).body)

    async def until_ended(self, run_id: str, *, timeout: float) -> Run:
        """Wait for the end of a run. Raises `TimeoutError`; the run goes on then."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            run = await self.get(run_id, wait=max(1.0, min(left, _ONE_WAIT)))
            if run.ended:
                return run
            if time.monotonic() >= deadline:
                raise TimeoutError(f"run {run_id} is still {run.status}")
            await asyncio.sleep(0.05)

    async def page(
        self,
        *,
        connection: str | None = None,
        status: str | None = None,
        kind: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[Run]:
        """Return one page, the newest first."""
        query = {"connection": connection, "status": status, "kind": kind, "limit": limit, "cursor": cursor}
        return await self._page(at("runs"), Run, query)

    def every(self, *, connection: str | None = None, status: str | None = None) -> AsyncIterator[Run]:
        """Yield all, the newest first."""
        return self._every(at("runs"), Run, {"connection": connection, "status": status, "limit": 1000})

    async def cancel(self, run_id: str) -> Run:
        """Ask for the end of a run."""
        return await self._post(at("runs", run_id, "cancel"), Run)

    def rejected(self, run_id: str) -> AsyncIterator[RejectedRecord]:
        """Yield all records that a run rejected."""
        return self._every(at("runs", run_id, "rejected"), RejectedRecord, {"limit": 1000})

    async def reprocess(self, run_id: str, *, wait: float | None = None) -> Run:
        """Try the rejected records of a run again, in a new run."""
        answer = await self._transport.call("POST", at("runs", run_id, "reprocess"), wait=wait)
        return Run.model_validate(answer.body)
