"""Who calls which gateway, and how its refusals are told: what went wrong, and what to do next."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from edurelay_cli.commands.base import CommandFailed
from edurelay_client import (
    Access,
    ApiError,
    Client,
    NotConfigured,
    NotFound,
    NotReachable,
    RetryPolicy,
    Unauthorized,
    Unavailable,
)

#: Exit codes besides 0 and 1: wrong usage (as argparse has it), no such thing, not now, not you, Ctrl-C.
USAGE, MISSING, NOT_NOW, NOT_YOU, INTERRUPTED = 2, 3, 4, 5, 130

#: A person waits less patiently than a service.
_RETRIES = RetryPolicy(attempts=4, seconds=8.0)


def access_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say where the gateway is and who calls it."""
    group = parser.add_argument_group("who calls where")
    group.add_argument("--gateway", metavar="URL", help="the gateway (EDURELAY_URL, else the stack of this folder)")
    group.add_argument(
        "--api-key", metavar="KEY", help="a tenant's key (better in EDURELAY_API_KEY: others see options)"
    )
    group.add_argument("--tenant", metavar="NAME", help="which tenant of this folder's stack, the first by default")
    group.add_argument("--folder", type=Path, default=Path(".edurelay"), help="the folder that `edurelay up` was given")


@asynccontextmanager
async def calling(options: argparse.Namespace) -> AsyncIterator[Client]:
    """Yield a client; what it raises becomes a `CommandFailed`."""
    with told():
        access = Access.find(options.gateway, options.api_key, tenant=options.tenant, folder=options.folder)
        async with Client(access.url, access.api_key, retries=_RETRIES) as client:
            yield client


@contextmanager
def told() -> Iterator[None]:
    """Tell refusals of the API as failures of the command."""
    try:
        yield
    except NotConfigured as error:
        raise CommandFailed(str(error), USAGE) from error
    except NotReachable as error:
        raise CommandFailed(
            f"the gateway does not answer ({error}); is it up? `edurelay up` starts one", NOT_NOW
        ) from error
    except ApiError as error:
        raise _failure(error) from error


def _failure(error: ApiError) -> CommandFailed:
    text = str(error)
    for each in error.errors:
        text += f"\n  {each.get('field')}: {each.get('detail')}"
    if isinstance(error, Unauthorized):
        return CommandFailed(f"{text}; look at EDURELAY_API_KEY, `edurelay keys create` makes a key", NOT_YOU)
    if isinstance(error, NotFound):
        return CommandFailed(f"{text}; the command's `list` shows what there is", MISSING)
    if isinstance(error, Unavailable):
        return CommandFailed(f"{text}; try again in a moment", NOT_NOW)
    return CommandFailed(text)
