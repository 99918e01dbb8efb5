"""`edurelay up`: the whole stack on this machine, until Ctrl-C or `edurelay down`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from edurelay_cli.commands.base import Command, CommandFailed
from edurelay_cli.embedded.kafka import DownloadFailed
from edurelay_cli.embedded.process import ProcessFailed, tail_of
from edurelay_cli.stack import AlreadyRunning, LocalStack, StackFolder, StackOptions

DETACH_SECONDS = 180.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--folder", type=Path, default=Path(".edurelay"), help="where data, logs and stack.json go")
    parser.add_argument("--detach", action="store_true", help="return when every service is ready")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="how many Kafka brokers to start")
    parser.add_argument(
        "--dispatchers", type=int, choices=range(1, 5), default=1, help="how many webhook dispatchers to start"
    )
    parser.add_argument("--kafka", metavar="HOST:PORT", help="use this Kafka instead of starting one")
    parser.add_argument("--mongo", metavar="URI", help="use this MongoDB instead of starting one")


def run(options: argparse.Namespace) -> int:
    """Start the stack and keep it, in this process or in one that stays behind."""
    folder = StackFolder(options.folder)
    if options.detach:
        return _detach(folder)
    try:
        with folder.held():
            return asyncio.run(_keep(folder, options))
    except (AlreadyRunning, DownloadFailed, ProcessFailed) as error:
        raise CommandFailed(str(error)) from error


async def _keep(folder: StackFolder, options: argparse.Namespace) -> int:
    stopping = asyncio.Event()
    starting = asyncio.current_task()
    assert starting is not None
    ready = False

    def stop() -> None:
        stopping.set()
        if not ready:
            starting.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    wanted = StackOptions(
        brokers=options.brokers, dispatchers=options.dispatchers, kafka=options.kafka, mongo=options.mongo
    )
    try:
        async with LocalStack(folder, wanted, say=lambda line: print(f"… {line}", flush=True)) as stack:
            ready = True
            _tell(stack)
            await stopping.wait()
            print("stopping", flush=True)
    except asyncio.CancelledError:
        return 130
    return 0


def _tell(stack: LocalStack) -> None:
    print(f"Edurelay is up: {stack.gateway_url}   (API: {stack.gateway_url}/docs)")
    for tenant in stack.tenants:
        print(f"  {tenant['name']}: tenant {tenant['id']}, key {tenant['api_key']}")
    print(f"  all of it in {stack.folder.stack_file}; end it with Ctrl-C or `edurelay down`", flush=True)


def _detach(folder: StackFolder) -> int:
    command = [sys.executable, "-m", "edurelay_cli", *(word for word in sys.argv[1:] if word != "--detach")]
    log = folder.logs / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + DETACH_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            with log.open("rb") as stream:
                stream.seek(before)
                raise CommandFailed(stream.read().decode(errors="replace").strip())
        found = folder.description()
        if found is not None and found["supervisor"] == child.pid:
            print(f"Edurelay is up: {found['gateway_url']}; all of it in {folder.stack_file}")
            return 0
        time.sleep(0.1)
    psutil.Process(child.pid).terminate()
    raise CommandFailed(f"the stack was not ready after {DETACH_SECONDS:.0f} s:\n{tail_of(log)}")


COMMAND = Command("up", "start the whole stack on this machine", arguments, run)
