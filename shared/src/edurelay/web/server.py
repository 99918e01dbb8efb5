"""Serving an application: on one socket, with time limits that fit our clients, without an access log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

#: For how long an idle connection is kept, in seconds: longer than our clients keep theirs, so that it is they who
#: close it, and no request runs into a closing socket.
KEEPALIVE_SECONDS = 75.0


class _NotTheClients(logging.Filter):
    """Keeps out of the log what is no HTTP: it is refused with a 4xx, and anybody could fill a disk with it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is None or not isinstance(record.exc_info[1], BadHttpMessage)


_log = logging.getLogger(__name__)
_log.addFilter(_NotTheClients())


@asynccontextmanager
async def serve(
    application: web.Application, host: str, port: int, *, drain_seconds: float = 15.0
) -> AsyncIterator[int]:
    """Serve for as long as the context lasts; yields the port, a free one where `port` is 0.

    At the end no connection is accepted any more, and requests under way get `drain_seconds` to be answered.
    """
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=_log,
        keepalive_timeout=KEEPALIVE_SECONDS,
        shutdown_timeout=drain_seconds,
        auto_decompress=False,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
