"""`python -m edurelay_sandbox moodle`: serves a simulated provider until it is told to stop.

`python -m edurelay_sandbox webhook slack <url> --secret <secret>`: sends one webhook, signed as that provider does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from edurelay_sandbox.moodle import HUB, MoodleSandbox, School
from edurelay_sandbox.webhooks import SENDERS, Webhook, send


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="edurelay_sandbox", description=__doc__)
    providers = parser.add_subparsers(dest="provider", required=True)
    moodle = providers.add_parser("moodle", help="a Moodle for a generated school")
    moodle.add_argument("--host", default="127.0.0.1")
    moodle.add_argument("--port", type=int, default=0, help="0 takes a free one")
    moodle.add_argument("--students", type=int, default=2000)
    moodle.add_argument("--courses", type=int, default=60)
    moodle.add_argument("--teachers", type=int, help="one for 25 students unless given")
    moodle.add_argument("--grade-items", type=int, default=1, help="graded items in each course, beside its total")
    moodle.add_argument("--seed", type=int, default=1)
    moodle.add_argument("--announce", type=Path, metavar="FILE", help="write the address there instead of printing it")
    webhook = providers.add_parser("webhook", help="send one webhook, signed as a provider does")
    webhook.add_argument("kind", choices=sorted(SENDERS))
    webhook.add_argument("url")
    webhook.add_argument("--secret", default="")
    webhook.add_argument("--body", default="{}")
    webhook.add_argument("--header", default="X-Webhook-Token", help="where the secret itself is sent, if it is")
    chosen = parser.parse_args(arguments)
    if chosen.provider == "webhook":
        sent = Webhook(chosen.secret, chosen.url, chosen.body.encode(), header=chosen.header)
        status, answer = asyncio.run(send(chosen.kind, sent))
        sys.stdout.write(f"{status} {answer.decode(errors='replace')}\n")
        return 0 if status < 300 else 1
    school = School.generate(
        chosen.seed, chosen.students, chosen.courses, chosen.teachers, grade_items=chosen.grade_items
    )
    asyncio.run(_serve(MoodleSandbox(school), chosen.host, chosen.port, chosen.announce))
    return 0


async def _serve(sandbox: MoodleSandbox, host: str, port: int, announce: Path | None) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with sandbox.serving(host, port) as url:
        _announce(json.dumps({"url": url, "token": HUB, "pid": os.getpid()}), announce)
        await stopping.wait()


def _announce(text: str, file: Path | None) -> None:
    """Print the address, or write it so that no reader ever sees half of it."""
    if file is None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        return
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_text(f"{text}\n", "utf-8")
    unfinished.replace(file)


if __name__ == "__main__":
    sys.exit(main())
