"""`edurelay mapping accept-log`: lets the mapping service go on with a records topic that is not the one it knew."""

from __future__ import annotations

import argparse
import asyncio
import os

import aiohttp

from edurelay_cli.commands.base import Command, CommandFailed


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("accept-log",))
    parser.add_argument("--url", default=os.environ.get("EDURELAY_MAPPING_URL"), help="the mapping service")
    parser.add_argument("--token", default=os.environ.get("EDURELAY_INTERNAL_TOKEN"), help="the internal token")


def run(options: argparse.Namespace) -> int:
    """Accept the log as it is now."""
    if not options.url or not options.token:
        raise CommandFailed("say where the mapping service is: EDURELAY_MAPPING_URL and EDURELAY_INTERNAL_TOKEN")
    print(asyncio.run(_accept(options.url, options.token)))
    return 0


async def _accept(url: str, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{url.rstrip('/')}/internal/log/accept") as answer,
        ):
            text = await answer.text()
            if answer.status >= 400:
                raise CommandFailed(f"the mapping service refused: {text}")
            return text
    except aiohttp.ClientError as error:
        raise CommandFailed(f"the mapping service does not answer at {url}: {error}") from error


COMMAND = Command("mapping", "accept a records topic that was recreated or restored", arguments, run)
