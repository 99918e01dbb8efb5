"""Who reads a stream through kills of everything on the way to it gets each event once, by its number."""

from __future__ import annotations

import asyncio

from edurelay_cli.stack import LocalStack
from edurelay_client import Client, NewEvent, RetryPolicy
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


async def test_readers_get_each_event_once_while_gateway_and_dispatcher_are_killed(stack: LocalStack) -> None:
    key = (await stack.new_tenant("A reader"))["api_key"]
    async with Client(stack.gateway_url, key, retries=PATIENT) as client, asyncio.timeout(300):
        readers = {push: Reader() for push in (False, True)}
        endpoints = {push: (await client.endpoints.create(None, ["note.*"])).id for push in readers}
        tasks = [
            asyncio.create_task(reader.run(client, endpoints[push], push=push)) for push, reader in readers.items()
        ]
        ids = [f"note-{n}" for n in range(EVENTS)]

        async def publish() -> None:
            for start in range(0, EVENTS, 10):
                events = [NewEvent(type="note.uploaded", data={}, id=each) for each in ids[start : start + 10]]
                await client.events.publish_batch(events)

        tasks.append(asyncio.create_task(publish()))
        for count, victim in ((100, "gateway"), (200, "webhook-dispatcher"), (300, "mongo")):
            await asyncio.gather(*(reader.until(count) for reader in readers.values()))
            await stack.process(victim).kill()
        await asyncio.gather(*(reader.until(EVENTS) for reader in readers.values()))
        for endpoint in endpoints.values():
            while (ledger := await client.endpoints.ledger(endpoint)).pending:
                await asyncio.sleep(0.05)
            assert (ledger.matched, ledger.delivered) == (EVENTS, EVENTS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        for reader in readers.values():
            by_number = dict(reader.handled)
            assert sorted(by_number) == list(range(1, EVENTS + 1))
            assert sorted(by_number.values()) == sorted(ids)
            # What was handled and not committed when the reader died may come again, under the number that it had.
            assert set(reader.handled) == set(by_number.items())
