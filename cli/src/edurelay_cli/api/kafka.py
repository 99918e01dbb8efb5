"""Where Kafka is, for the commands that work on its topics."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Coroutine
from typing import Any

from edurelay.kafka.errors import KafkaUnavailable
from edurelay.runtime.logging import configure_logging
from edurelay_cli.api.access import NOT_NOW, USAGE
from edurelay_cli.commands.base import CommandFailed
from edurelay_cli.stack import StackFolder

_VARIABLE = "EDURELAY_KAFKA"


def kafka_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--kafka", metavar="HOST:PORT", help=f"the brokers ({_VARIABLE}, else the stack of this folder)"
    )


def bootstrap(options: argparse.Namespace) -> str:
    """Return the brokers' addresses."""
    given = options.kafka or os.environ.get(_VARIABLE)
    if given:
        return str(given)
    stack = StackFolder(options.folder).description()
    if stack is None:
        raise CommandFailed(f"where is Kafka? Set {_VARIABLE}, or start a stack in this folder: `edurelay up`", USAGE)
    return str(stack["kafka"]["bootstrap_servers"])


def run(work: Coroutine[Any, Any, int]) -> int:
    """Do something on topics; an outage becomes a failure of the command."""
    configure_logging("edurelay", "WARNING")
    try:
        return asyncio.run(work)
    except KafkaUnavailable as error:
        raise CommandFailed(f"Kafka does not answer: {error}", NOT_NOW) from error
