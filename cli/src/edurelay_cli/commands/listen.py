"""`edurelay listen`: deliveries on this machine, as they come."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

from edurelay_cli.api.access import INTERRUPTED, USAGE
from edurelay_cli.api.groups import Action, Call, single
from edurelay_cli.commands.base import CommandFailed
from edurelay_cli.listening import telling
from edurelay_cli.listening.catcher import Arrival, Catcher, serving
from edurelay_cli.listening.forwarding import Forwarder
from edurelay_cli.listening.session import delete_leftovers, registered, until_reached
from edurelay_client import Client, EdurelayError
from edurelay_client.models import NewEndpoint

#: How long a delivery's subject is looked for, which most bodies do not hold.
_SUBJECT_SECONDS = 2.0


async def _listen(call: Call) -> int:
    options = call.options
    with _stopping() as stopping:
        async with AsyncExitStack() as lifetime:
            forwarder = await lifetime.enter_async_context(Forwarder(options.forward)) if options.forward else None
            catcher = Catcher(forwarder, 1 if options.once else options.count)
            try:
                port = await lifetime.enter_async_context(serving(catcher, options.port))
            except OSError as error:
                raise CommandFailed(f"port {options.port} cannot be used: {error.strerror}", USAGE) from error
            if left := await delete_leftovers(call.client):
                _say(f"deleted {left} endpoints that a killed listener had left behind")
            url = options.url or f"http://127.0.0.1:{port}/"
            endpoint = await lifetime.enter_async_context(registered(call.client, url, options.types, port))
            catcher.trust(endpoint.secret)
            listening = asyncio.create_task(_tell(call, catcher, endpoint, port))
            lifetime.push_async_callback(_end, listening)
            await asyncio.wait({listening, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
                return 0
    # Without a number of deliveries to wait for, to be interrupted is the way to end.
    return INTERRUPTED if options.once or options.count else 0


async def _tell(call: Call, catcher: Catcher, endpoint: NewEndpoint, port: int) -> None:
    """Tell of each delivery, for ever or until there were as many as wanted."""
    options = call.options
    await until_reached(call.client, endpoint, catcher, port)
    _say(f"listening for {' '.join(options.types)} at {endpoint.url} (endpoint {endpoint.id}); Ctrl-C ends it")
    left = 1 if options.once else options.count
    while left is None or left > 0:
        arrival = await catcher.arrivals.get()
        subject = await _subject(call.client, arrival)
        if options.json:
            print(json.dumps(telling.document(arrival, subject, with_body=options.body)), flush=True)
        else:
            print(telling.line(arrival, subject) + (f"\n{telling.body(arrival)}" if options.body else ""), flush=True)
        if left is not None and arrival.doubt is None:
            left -= 1


async def _subject(client: Client, arrival: Arrival) -> str | None:
    """Return what the event is about: its body may say it, else the API does."""
    if arrival.event is None or arrival.doubt is not None or arrival.event.subject is not None:
        return arrival.event.subject if arrival.event else None
    try:
        async with asyncio.timeout(_SUBJECT_SECONDS):
            return (await client.events.get(arrival.event.id)).subject
    except (EdurelayError, TimeoutError):
        return None


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """Yield what a signal sets; a second signal breaks off the clean-up too."""
    loop, stopping, main = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()
    assert main is not None

    def stop() -> None:
        if stopping.is_set():
            main.cancel()
        stopping.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _say(text: str) -> None:
    # What is said beside the deliveries must not get between them where a script reads.
    print(text, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("types", nargs="*", default=["*"], metavar="type", help="event types, such as student.*; all")
    parser.add_argument(
        "--forward", metavar="URL", help="hand each delivery on to a local program, and its answer back"
    )
    parser.add_argument("--body", action="store_true", help="show the bodies too")
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--once", action="store_true", help="end after the first delivery")
    ends.add_argument("--count", type=_count, metavar="N", help="end after so many deliveries")
    parser.add_argument("--url", help="the public address of a tunnel to this machine")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (a free one)")


COMMAND = single(Action("listen", "receive and show deliveries on this machine", _listen, _arguments))
