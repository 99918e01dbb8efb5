"""What the stages stand on: a whole stack, a receiver, and the means to hold parts of it still."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from edurelay.events.topics import EVENTS, RECORDS, Topic
from edurelay.kafka.admin import apply_topics
from edurelay.kafka.producer import Producer
from edurelay_cli.bench.offsets import Offsets
from edurelay_cli.bench.sizes import WINDOW, Sizes
from edurelay_cli.bench.topics import BARE_EVENTS, BARE_RECORDS
from edurelay_cli.embedded.process import Process, free_port
from edurelay_cli.stack import LocalStack, StackFolder, StackOptions
from edurelay_cli.stack.services import NAMES
from edurelay_client import Client
from edurelay_client.models import Endpoint

#: How often a condition is looked at, in seconds: often enough for a figure, seldom enough to cost nothing.
PAUSE = 0.02

#: How many endpoints are made at a time.
MAKERS = 8


class BenchFailed(RuntimeError):
    """Something that is measured did not do its work."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A running stack, and what is around it. `client` speaks for the tenant whose API key is `api_key`; the other
    tenant has no endpoints. `say` tells whoever waits what is being done."""

    stack: LocalStack
    producer: Producer
    offsets: Offsets
    http: aiohttp.ClientSession
    client: Client
    other_client: Client
    receiver: Process
    receiver_url: str
    sizes: Sizes
    say: Callable[[str], None]

    @property
    def tenant(self) -> str:
        """The tenant's id."""
        return self.stack.tenants[0]["id"]

    @property
    def other_tenant(self) -> str:
        """The id of the tenant without endpoints."""
        return self.stack.tenants[1]["id"]

    @property
    def authorization(self) -> dict[str, str]:
        """The header by which the tenant is known."""
        return {"authorization": f"Bearer {self.stack.tenants[0]['api_key']}"}

    def pid(self, name: str) -> int:
        """Return the id of one of the stack's processes."""
        pid = self.stack.process(name).pid
        if pid is None:
            raise BenchFailed(f"{name} does not run; its log is {self.stack.process(name).log}")
        return pid

    @property
    def stores(self) -> tuple[str, ...]:
        """The names of the processes that store."""
        return ("kafka-1", "mongo")

    def bare(self, module: str, *arguments: str) -> Process:
        """Return a bare loop as a process, not started."""
        command = [sys.executable, "-m", f"edurelay_cli.bench.bare.{module}", *arguments]
        return Process(f"bare-{module}", command, self.stack.folder.logs / f"bare-{module}.log")

    @contextmanager
    def only(self, *names: str) -> Iterator[None]:
        """Hold all services still but these."""
        held = [self.stack.process(name) for name in NAMES if name not in names]
        with still(*held):
            yield

    @asynccontextmanager
    async def endpoint(self, event_type: str = "*") -> AsyncIterator[Endpoint]:
        """Have everything of the tenant, or one type, delivered to the receiver, for as long as the context is open."""
        endpoint = await self.client.endpoints.create(self.receiver_url, [event_type], max_in_flight=WINDOW)
        try:
            await self.client.endpoints.test(endpoint.id)
            await self.until_received(1, 20)

            async def written_down() -> bool:
                return (await self.client.endpoints.ledger(endpoint.id)).delivered == 1

            # Else it would come once more where the dispatcher is killed.
            await self.until("the test event was written down", written_down, 20)
            await self.forget_received()
            yield endpoint
        finally:
            await self.client.endpoints.delete(endpoint.id)

    @asynccontextmanager
    async def endpoints(self, count: int, url: str, event_type: str) -> AsyncIterator[None]:
        """Have one type delivered to many endpoints at one URL."""
        at_a_time = asyncio.Semaphore(MAKERS)

        async def make() -> Endpoint:
            async with at_a_time:
                return await self.client.endpoints.create(url, [event_type])

        async def unmake(endpoint: Endpoint) -> None:
            async with at_a_time:
                await self.client.endpoints.delete(endpoint.id)

        made = await asyncio.gather(*(make() for _ in range(count)))
        try:
            yield
        finally:
            await asyncio.gather(*(unmake(endpoint) for endpoint in made))

    async def settled(self) -> None:
        """Return when nothing is under way between the services."""
        for group, topic in (("mapping", RECORDS), ("webhook-dispatcher", EVENTS)):

            async def worked_off(group: str = group, topic: Topic = topic) -> bool:
                return await self.offsets.lag(group, topic) == 0

            await self.until(f"{group} had worked everything off", worked_off, 120)

    async def received(self) -> dict[str, Any]:
        """Return the receiver's tally."""
        async with self.http.get(self.receiver_url) as answer:
            tally: dict[str, Any] = await answer.json(content_type=None)
        return tally

    async def forget_received(self) -> None:
        """Start the receiver's tally afresh."""
        async with self.http.get(f"{self.receiver_url}/reset") as answer:
            await answer.read()

    async def until_received(self, count: int, seconds: float) -> dict[str, Any]:
        """Return the tally once that many deliveries have come."""

        async def enough() -> bool:
            async with self.http.get(f"{self.receiver_url}/count") as answer:
                return int(await answer.read()) >= count

        await self.until(f"{count:,} deliveries were received", enough, seconds, pause=0.1)
        return await self.received()

    async def until(
        self, what: str, holds: Callable[[], Awaitable[bool]], seconds: float, pause: float = PAUSE
    ) -> None:
        """Return when a condition holds, which is looked at every `pause` seconds. Raises `BenchFailed` after
        `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not await holds():  # noqa: ASYNC110 - what is waited for lies in another process
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise BenchFailed(f"after {seconds:.0f} s it was not yet so that {what}") from None


@contextmanager
def still(*processes: Process) -> Iterator[None]:
    """Hold processes still."""
    for process in processes:
        process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.signal(signal.SIGCONT)


@asynccontextmanager
async def ground(folder: StackFolder, sizes: Sizes, files: Path, say: Callable[[str], None]) -> AsyncIterator[Ground]:
    """Start a stack whose runner may read `files`, and the receiver."""
    async with AsyncExitStack() as exits:
        options = StackOptions(
            env={
                "EDURELAY_FILE_ROOTS": str(files),
                "EDURELAY_EGRESS_ALLOW": "127.0.0.0/8",
                "EDURELAY_ENDPOINT_LIMIT": "1100",
            }
        )
        stack = await exits.enter_async_context(LocalStack(folder, options))
        await apply_topics(stack.bootstrap, [BARE_RECORDS, BARE_EVENTS], replication_factor=1)
        port = free_port()
        command = [sys.executable, "-m", "edurelay_cli.bench.receiver", str(port)]
        receiver = Process("receiver", command, folder.logs / "receiver.log")
        exits.push_async_callback(receiver.stop)
        await receiver.start()
        await receiver.until_accepting(port, 20)
        clients = [
            await exits.enter_async_context(Client(stack.gateway_url, tenant["api_key"])) for tenant in stack.tenants
        ]
        yield Ground(
            stack=stack,
            producer=await exits.enter_async_context(Producer(stack.bootstrap, client_id="bench")),
            offsets=await exits.enter_async_context(Offsets(stack.bootstrap)),
            http=await exits.enter_async_context(aiohttp.ClientSession()),
            client=clients[0],
            other_client=clients[1],
            receiver=receiver,
            receiver_url=f"http://127.0.0.1:{port}",
            sizes=sizes,
            say=say,
        )
