"""Commands with actions below them, such as `edurelay endpoints list`."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from edurelay_cli.api.access import INTERRUPTED, access_arguments, calling
from edurelay_cli.api.showing import Show
from edurelay_cli.commands.base import Command
from edurelay_client import Client
from edurelay_client.models import Model, Page

M = TypeVar("M", bound=Model)

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """What an action works with."""

    client: Client
    options: argparse.Namespace
    show: Show


#: Does an action; what it returns is the exit code, 0 for None.
Act = Callable[[Call], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class Action:
    """One action: its name, a line about it, what it does, and its options."""

    name: str
    summary: str
    act: Act
    arguments: Callable[[argparse.ArgumentParser], object] = lambda parser: None


def group(name: str, summary: str, actions: Sequence[Action]) -> Command:
    """Return a command with actions below it."""

    def arguments(parser: argparse.ArgumentParser) -> None:
        below = parser.add_subparsers(metavar="action", required=True)
        for action in actions:
            sub = below.add_parser(action.name, help=action.summary, description=action.summary)
            complete(sub, action)

    return Command(name, summary, arguments, run_call)


def single(action: Action) -> Command:
    """Return an action as a command of its own."""
    return Command(action.name, action.summary, lambda parser: complete(parser, action), run_call)


def limit_argument(parser: argparse.ArgumentParser) -> None:
    """Declare how many are listed."""
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="how many at most (50)")


async def first(page: Callable[..., Awaitable[Page[M]]], most: int, **query: Any) -> list[M]:
    """Return the first of what a list of the API holds."""
    return [each async for each in _listed(page, most, query)]


async def _listed(page: Callable[..., Awaitable[Page[M]]], most: int, query: dict[str, Any]) -> AsyncIterator[M]:
    cursor: str | None = None
    while most > 0:
        found = await page(limit=min(most, _PAGE), cursor=cursor, **query)
        for each in found.data:
            yield each
        most -= len(found.data)
        cursor = found.next_cursor
        if cursor is None:
            return


def complete(parser: argparse.ArgumentParser, action: Action) -> None:
    """Declare an action's options, and those that all of them have."""
    action.arguments(parser)
    parser.add_argument("--json", action="store_true", help="one line of JSON for each thing, for scripts")
    access_arguments(parser)
    parser.set_defaults(act=action.act)


def run_call(options: argparse.Namespace) -> int:
    """Do the action that was chosen; return its exit code."""
    try:
        return asyncio.run(_call(options)) or 0
    except asyncio.CancelledError:
        return INTERRUPTED


async def _call(options: argparse.Namespace) -> int | None:
    async with calling(options) as client:
        code: int | None = await options.act(Call(client, options, Show(as_json=options.json)))
        return code
