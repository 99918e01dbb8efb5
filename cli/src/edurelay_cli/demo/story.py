"""The demo's plot: sync, be killed, sync again, change a little, and show the books."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from edurelay_cli.commands.base import CommandFailed
from edurelay_cli.demo.books import Books
from edurelay_cli.demo.receiver import Receiver, receiving
from edurelay_cli.demo.school import Moodle, moodle
from edurelay_cli.stack import LocalStack, StackFolder, StackOptions
from edurelay_client import Client
from edurelay_client.models import Endpoint, Run

STUDENTS, COURSES, SEED = 2_000, 60, 2026
CHANGED = 25
#: What the services are killed in the middle of.
VICTIMS = ("webhook-dispatcher", "mapping")
RUN_SECONDS = 600.0
QUIET_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Source:
    """Where the records come from: a connection's provider, config and credentials, and its streams."""

    provider: str
    config: dict[str, Any]
    credentials: dict[str, Any]
    streams: list[str] | None = None


class Story:
    """One telling of the demo."""

    def __init__(self, console: Console, stack: LocalStack, client: Client, receiver: Receiver) -> None:
        self._console = console
        self._stack = stack
        self._client = client
        self._receiver = receiver
        self._books = Books(console)
        self._runs: list[tuple[str, Run]] = []

    async def tell(self, source: Source, change: Callable[[], Awaitable[list[str]]] | None) -> bool:
        """Tell it; True if everything added up. `change` changes records at the provider and returns their ids."""
        endpoint = await self._client.endpoints.create(self._receiver.url, ["*"])
        self._receiver.secret = endpoint.secret
        connection = await self._client.connections.create(
            source.provider, name="demo", config=source.config, credentials=source.credentials
        )
        self._console.print(f"\n[bold]1. The first sync[/], with kill -9 of {' and '.join(VICTIMS)} halfway")
        first = await self._sync("first", connection.id, source.streams, on_half=self._kill)
        if not first.counts.source:
            raise CommandFailed("nothing was read; is this the very folder of the files that the layout names?")
        await self._settled(endpoint, first.counts.created)
        self._books.check(
            f"{first.counts.created:,} records created, {self._receiver.events:,} different events received",
            first.counts.created == self._receiver.events,
        )
        self._console.print("\n[bold]2. The same again[/]: nothing changed, so there is nothing to tell")
        second = await self._sync("second", connection.id, source.streams)
        await self._settled(endpoint, self._receiver.events)
        self._books.check(
            "no event", second.counts.created == second.counts.updated == 0 and self._receiver.events == _told(first)
        )
        if change is not None:
            await self._change(connection.id, source, endpoint, change)
        self._console.print("\n[bold]The books[/]\n")
        self._books.runs(self._runs)
        self._books.deliveries(await self._client.endpoints.ledger(endpoint.id), self._receiver)
        killed = {name: self._stack.restarts(name) for name in VICTIMS}
        self._books.check(f"killed and started again: {', '.join(VICTIMS)}", all(n > 0 for n in killed.values()))
        return not self._books.failed

    async def _change(
        self, connection: str, source: Source, endpoint: Endpoint, change: Callable[[], Awaitable[list[str]]]
    ) -> None:
        self._console.print(f"\n[bold]3. {CHANGED} students change at the provider[/]")
        before = self._receiver.events
        self._receiver.external_ids.clear()
        changed = await change()
        third = await self._sync("third", connection, source.streams)
        await self._settled(endpoint, before + third.counts.updated)
        self._books.check(
            f"{len(changed)} records changed, {self._receiver.events - before} events received, of exactly those",
            third.counts.updated == len(changed) and self._receiver.external_ids == set(changed),
        )

    async def _sync(
        self,
        name: str,
        connection: str,
        streams: list[str] | None,
        on_half: Callable[[Run], Awaitable[bool]] | None = None,
    ) -> Run:
        run = await self._client.connections.start_run(connection, streams=streams)
        columns = (TextColumn("  {task.description:12}"), BarColumn(40), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            read = progress.add_task("read", total=None)
            received = progress.add_task("received", total=None)
            before = self._receiver.events
            async with asyncio.timeout(RUN_SECONDS):
                while True:
                    run = await self._client.runs.get(run.id)
                    progress.update(read, completed=run.counts.source)
                    progress.update(received, completed=self._receiver.events - before)
                    if on_half is not None and await on_half(run):
                        on_half = None
                    if run.ended:
                        break
                    await asyncio.sleep(0.1)
            progress.update(read, total=run.counts.source, completed=run.counts.source)
            expected = run.counts.created + run.counts.updated
            async with asyncio.timeout(RUN_SECONDS):
                while self._receiver.events - before < expected:
                    progress.update(received, total=expected, completed=self._receiver.events - before)
                    await asyncio.sleep(0.2)
            progress.update(received, total=expected, completed=self._receiver.events - before)
        if run.status != "succeeded":
            self._console.print(f"  [red]{run.status}: {run.error}[/]")
        self._runs.append((name, run))
        return run

    async def _kill(self, run: Run) -> bool:
        """Kill, once a good part of the first events has arrived, or all of a small school is read; True when it is
        done."""
        if self._receiver.events < 1_000 and not run.ended:
            return False
        for name in VICTIMS:
            pid = self._stack.process(name).pid
            await self._stack.process(name).kill()
            self._console.print(f"  [yellow]kill -9[/] {name} (process {pid}), {self._receiver.events:,} events in")
        return True

    async def _settled(self, endpoint: Endpoint, expected: int) -> None:
        """Return when the ledger shows that many deliveries and none pending, and nothing more comes for a while."""
        async with asyncio.timeout(RUN_SECONDS):
            while True:
                seen = self._receiver.times.total()
                await asyncio.sleep(QUIET_SECONDS)
                if self._receiver.times.total() == seen:
                    ledger = await self._client.endpoints.ledger(endpoint.id)
                    if ledger.pending == 0 and ledger.matched >= expected:
                        return


def _told(run: Run) -> int:
    return run.counts.created + run.counts.updated


async def tell(folder: StackFolder, console: Console, files: tuple[Path, dict[str, Any]] | None) -> bool:
    """Start a stack, tell the story on a generated school or on files, and end the stack; SIGTERM ends it early."""
    telling = asyncio.current_task()
    assert telling is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, telling.cancel)
    env = {"EDURELAY_RETRY_SCHEDULE": "0,1,2,4,8,15,30,60", "EDURELAY_FILE_ROOTS": str(files[0]) if files else ""}
    async with AsyncExitStack() as exits:
        stack = await exits.enter_async_context(
            LocalStack(folder, StackOptions(env=env), say=lambda line: console.print(f"[dim]… {line}[/]"))
        )
        receiver = await exits.enter_async_context(receiving())
        tenant = stack.tenants[0]
        client = await exits.enter_async_context(Client(stack.gateway_url, tenant["api_key"]))
        console.print(f"  gateway {stack.gateway_url}   API {stack.gateway_url}/docs   receiver {receiver.url}")
        story = Story(console, stack, client, receiver)
        if files is not None:
            path, layout = files
            return await story.tell(Source("GENERIC_CSV", {"importPath": str(path), **layout}, {}), None)
        school = await exits.enter_async_context(
            moodle(folder.path / "moodle", students=STUDENTS, courses=COURSES, seed=SEED)
        )
        console.print(f"  a simulated Moodle with {STUDENTS:,} students and {COURSES} courses: {school.url}")
        return await story.tell(_moodle_source(school), lambda: school.change_students(CHANGED, SEED))


def _moodle_source(school: Moodle) -> Source:
    streams = ["courses", "groups", "teachers", "students", "enrollments"]
    return Source("MOODLE", {"apiUrl": school.url}, {"wsToken": school.token}, streams)
