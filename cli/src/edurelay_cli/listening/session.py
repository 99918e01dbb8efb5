"""A listener's endpoint: made, tried, and deleted again, however the listener ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from edurelay_cli.commands.base import CommandFailed
from edurelay_cli.listening.catcher import TEST_TYPE, Catcher
from edurelay_cli.listening.mark import Mark
from edurelay_client import Client, EdurelayError, InvalidRequest, NotFound
from edurelay_client.models import NewEndpoint

#: How long the first delivery may take until it is said that none gets through.
_REACHED_SECONDS = 30.0
_LOOK_SECONDS = 0.3


async def delete_leftovers(client: Client) -> int:
    """Delete what listeners of this machine left behind that were killed; return how many there were."""
    deleted = 0
    left = [each async for each in client.endpoints.every() if _left_behind(each.description)]
    for endpoint in left:
        # Another listener that begins now deletes them, too.
        with suppress(NotFound):
            await client.endpoints.delete(endpoint.id)
            deleted += 1
    return deleted


@asynccontextmanager
async def registered(client: Client, url: str, types: Sequence[str], port: int) -> AsyncIterator[NewEndpoint]:
    """Make an endpoint, and delete it at the end."""
    try:
        endpoint = await client.endpoints.create(url, types, description=Mark.own().description)
    except InvalidRequest as error:
        if error.code == "url_not_allowed":
            raise CommandFailed(f"{error}. {_advice(url, port)}") from error
        raise
    try:
        yield endpoint
    finally:
        await _delete(client, endpoint.id)


async def until_reached(client: Client, endpoint: NewEndpoint, catcher: Catcher, port: int) -> None:
    """Return once a test event has come through. Raises `CommandFailed`, which says why it does not."""
    delivery = await client.endpoints.test(endpoint.id, event_type=TEST_TYPE)
    try:
        async with asyncio.timeout(_REACHED_SECONDS):
            while not await _set(catcher.tested, _LOOK_SECONDS):
                if (await client.deliveries.get(delivery.id)).attempts:
                    break
            else:
                return
    except TimeoutError:
        raise CommandFailed(f"no delivery came within {_REACHED_SECONDS:g} s. {_advice(endpoint.url, port)}") from None
    if await _set(catcher.tested, _LOOK_SECONDS):
        return
    attempt = (await client.deliveries.attempts(delivery.id))[-1]
    reason = attempt.error or f"{attempt.status_code} was answered by something else"
    raise CommandFailed(f"{endpoint.url} cannot be reached: {reason}. {_advice(endpoint.url, port)}")


def _advice(url: str | None, port: int) -> str:
    return (
        "Only a stack of this machine (`edurelay up`) delivers to this machine's own addresses. For any other, open a "
        f"tunnel from a public address to 127.0.0.1:{port} (--port keeps the port), and give its address: --url https://…"
    )


def _left_behind(description: str) -> bool:
    mark = Mark.read(description)
    return mark is not None and mark.left_behind()


async def _delete(client: Client, endpoint_id: str) -> None:
    try:
        await client.endpoints.delete(endpoint_id)
    except EdurelayError as error:
        print(
            f"edurelay: the endpoint {endpoint_id} could not be deleted ({error}); the next `edurelay listen` on this "
            f"machine does it, or `edurelay endpoints delete {endpoint_id}`",
            file=sys.stderr,
        )


async def _set(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
