"""Who reads a stream through kills of everything on the way to it gets each event once, by its number."""

from __future__ import annotations

import asyncio

import pytest

from edurelay_cli.stack import LocalStack
from edurelay_client import Client, RetryPolicy
from edurelay_client.models import StreamedEvent

EVENTS = 500
PATIENT = RetryPolicy(attempts=200, seconds=120.0)


class Broken(Exception):
    """The reader dies, with an event in its hands."""


class Reader:
    """Handles events, and keeps which."""

    def __init__(self) -> None:
        self.handled: list[tuple[int, str]] = []
        self._dies_at: int | None = 250

    async def handle(self, event: StreamedEvent) -> None:
        """Handle an event, but for one at the first time."""
        if event.sequence == self._dies_at:
            self._dies_at = None
            raise Broken
        self.handled.append((event.sequence, event.event_id))

    async def until(self, count: int) -> None:
        """Return when so many events were handled."""
        while len(self.handled) < count:
            await asyncio.sleep(0.02)

    async def run(self, client: Client, endpoint: str, *, push: bool) -> None:
        """Read; whoever dies is followed by another, who knows nothing but what was committed."""
        while True:
            try:
                await client.endpoints.consumer(endpoint, push=push).run(self.handle)
            except Broken:
                continue


@pytest.mark.parametrize("push", [False, True], ids=["by long poll", "by server-sent events"])
async def test_a_reader_gets_each_event_once_while_gateway_and_dispatcher_are_killed(
    stack: LocalStack, push: bool
) -> None:
    key = (await stack.new_tenant("A reader"))["api_key"]
    async with Client(stack.gateway_url, key, retries=PATIENT) as client, asyncio.timeout(300):
        endpoint = (await client.endpoints.create(None, ["note.*"])).id
        reader = Reader()
        reading = asyncio.create_task(reader.run(client, endpoint, push=push))

        async def publish() -> None:
            for n in range(EVENTS):
                await client.events.publish("note.uploaded", {"n": n}, id=f"note-{push}-{n}", subject=f"s{n % 7}")

        publishing = asyncio.create_task(publish())
        for count, victim in ((100, "gateway"), (200, "webhook-dispatcher"), (300, "gateway"), (350, "mongo")):
            await reader.until(count)
            await stack.process(victim).kill()
        await publishing
        await reader.until(EVENTS)
        while (ledger := await client.endpoints.ledger(endpoint)).pending:
            await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

        assert (ledger.matched, ledger.delivered) == (EVENTS, EVENTS)
        by_number = dict(reader.handled)
        assert sorted(by_number) == list(range(1, EVENTS + 1))
        assert set(by_number.values()) == {f"note-{push}-{n}" for n in range(EVENTS)}
        # What was handled and not committed when the reader died may come again, under the number that it had.
        assert set(reader.handled) == set(by_number.items())
