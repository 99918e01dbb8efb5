"""One trial: a school on its way through the system and a client that publishes, while something is done to them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import aiohttp

from e2e.receivers import Receiver, receiving
from edurelay_cli.stack import LocalStack
from edurelay_client import Client, EdurelayError, RetryPolicy
from edurelay_client.models import Ledger, NewConnection, NewEndpoint, Run
from faults.evidence import Evidence
from faults.log import EVENTS, RECORDS, Log, Offsets
from faults.publisher import Publisher, publishing
from faults.school import School

#: How long anything may take that has no promise of its own: it bounds a broken test, and nothing else.
SECONDS = 240.0
#: How much longer than a look at the ledger the pause behind it is: the embedded store counts every delivery each
#: time, and is to be busy with the school and not with those who look on.
PAUSE = 5.0
PATIENT = RetryPolicy(attempts=1000, seconds=SECONDS)
DISPATCHER = "webhook-dispatcher"


@dataclass
class Trial:
    """A tenant with one connection, one endpoint, and a first run that has just begun.

    `since` is where the topics ended before; `say` notes what happens for whoever reads the report.
    """

    stack: LocalStack
    random: Random
    say: Callable[[str], None]
    log: Log
    client: Client
    tenant: str
    school: School
    connection: NewConnection
    endpoint: NewEndpoint
    receiver: Receiver
    publisher: Publisher
    since: dict[str, Offsets]
    run: Run
    ledgers: list[Ledger] = field(default_factory=list)
    under_way: int = 0

    async def some_batches_sent(self) -> None:
        """Return at a random moment of the reading."""
        batches = self.random.randint(1, self.school.size // 200)
        await self.log.until_longer(RECORDS, self.since[RECORDS], batches, SECONDS)
        self.say(f"{batches} batches sent")

    async def some_events_received(self) -> None:
        """Return at a random moment of the deliveries."""
        events = self.random.randint(self.school.size // 20, self.school.size * 3 // 4)
        await self.receiver.until(events, SECONDS)
        self.say(f"{events} events received")

    async def some_more_events_received(self) -> None:
        """Return at a random moment of the deliveries, before they are done."""
        more = self.random.randint(self.school.size // 20, self.school.size // 5)
        events = min(len(self.receiver.requests) + more, self.school.size * 3 // 4)
        await self.receiver.until(events, SECONDS)
        self.say(f"{events} events received")

    async def kill(self, name: str) -> None:
        """End a process as kill -9 does."""
        await self.running(name)
        known = (await self.client.endpoints.ledger(self.endpoint.id)).delivered if name.startswith(DISPATCHER) else 0
        await self.stack.process(name).kill()
        self.say(f"kill -9 of {name}, {len(self.receiver.requests)} events received")
        if name.startswith(DISPATCHER):
            # What the store knows as delivered never comes again. What else has arrived, or is on its way, may.
            self.under_way += len(set(self.receiver.events)) - known + self.endpoint.max_in_flight

    async def terminate(self, name: str, seconds: float) -> int:
        """Ask a process to end; return its exit code. Raises `TimeoutError` where that takes longer."""
        await self.running(name)
        process = self.stack.process(name)
        process.signal(signal.SIGTERM)
        async with asyncio.timeout(seconds):
            code = await process.wait()
        self.say(f"SIGTERM to {name}, which ended with code {code}, {len(self.receiver.requests)} events received")
        return code

    async def running(self, name: str) -> None:
        """Return when a process runs and, where it is a service, is ready."""
        await until_running(self.stack, name)

    async def come_to_rest(self) -> Evidence:
        """Let everything end, sync once more, and collect what can be seen."""
        first = await self.client.runs.until_ended(self.run.id, timeout=SECONDS)
        self.say(f"first run {first.status}")
        await self.publisher.stop()
        await self._settled()
        self.say("all delivered")
        between = await self.log.ends(EVENTS)
        again = await self.client.connections.start_run(self.connection.id)
        second = await self.client.runs.until_ended(again.id, timeout=SECONDS)
        self.say(f"second run {second.status}")
        await self._settled()
        evidence = Evidence(
            school=self.school,
            publisher=self.publisher,
            first=first,
            second=second,
            events=await self.log.events(self.tenant, self.since[EVENTS]),
            events_of_second=await self.log.events(self.tenant, between),
            mappings=[each async for each in self.client.mappings.every(connection=self.connection.id)],
            ledgers=self.ledgers,
            requests=self.receiver.requests,
            under_way=self.under_way,
        )
        self.say(evidence.summary())
        return evidence

    async def watch(self, client: Client) -> None:
        """Look at the ledger from time to time, until cancelled. While nobody answers there is nothing to see."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            with suppress(EdurelayError):
                self.ledgers.append(await client.endpoints.ledger(self.endpoint.id))
            await asyncio.sleep(max(1.0, PAUSE * (loop.time() - begun)))

    async def _settled(self) -> None:
        """Return when every event was matched and no delivery is pending."""
        await self.log.until_worked_off(EVENTS, DISPATCHER, SECONDS)
        async with asyncio.timeout(SECONDS):
            while True:
                self.ledgers.append(await self.client.endpoints.ledger(self.endpoint.id))
                if self.ledgers[-1].pending == 0:
                    return
                await asyncio.sleep(0.5)


@asynccontextmanager
async def on_trial(
    stack: LocalStack, school: School, name: str, random: Random, say: Callable[[str], None]
) -> AsyncIterator[Trial]:
    """Let a new tenant begin to sync the school and to publish."""
    log = Log(stack.bootstrap)
    async with AsyncExitStack() as exits:
        admin = await exits.enter_async_context(Client(stack.gateway_url, stack.admin_token, retries=PATIENT))
        tenant = await admin.tenants.create(name)
        key = (await admin.tenants.create_key(tenant.id)).api_key
        client = await exits.enter_async_context(Client(stack.gateway_url, key, retries=PATIENT))
        receiver = await exits.enter_async_context(receiving())
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        config = {"importPath": str(school.folder)}
        connection = await client.connections.create("GENERIC_CSV", config=config, streams=["students", "enrollments"])
        since = {topic: await log.ends(topic) for topic in (RECORDS, EVENTS)}
        run = await client.connections.start_run(connection.id)
        publisher = await exits.enter_async_context(publishing(stack.gateway_url, key))
        trial = Trial(
            stack, random, say, log, client, tenant.id, school, connection, endpoint, receiver, publisher, since, run
        )
        onlooker = await exits.enter_async_context(
            Client(stack.gateway_url, key, retries=RetryPolicy(attempts=1), timeout=10)
        )
        watching = asyncio.create_task(trial.watch(onlooker))
        try:
            yield trial
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def until_running(stack: LocalStack, name: str) -> None:
    """Return when a process runs and, where it is a service, is ready."""
    service = stack.services.get(name)
    async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as session:
        while not stack.process(name).running or (service and not await _ready(session, service.url)):
            await asyncio.sleep(0.05)


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/readyz", timeout=aiohttp.ClientTimeout(total=5)) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
