"""`edurelay topics`: creates the declared topics, or says how they differ from the declaration."""

from __future__ import annotations

import argparse
import asyncio
import os

from edurelay.events.topics import ALL
from edurelay.kafka.admin import apply_topics, verify_topics
from edurelay.kafka.errors import TopicMismatch
from edurelay_cli.commands.base import Command, CommandFailed


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("list", "apply", "verify"))
    parser.add_argument("--kafka", metavar="HOST:PORT", default=os.environ.get("EDURELAY_KAFKA"))
    parser.add_argument(
        "--replication-factor", type=int, default=int(os.environ.get("EDURELAY_REPLICATION_FACTOR", "1"))
    )


def run(options: argparse.Namespace) -> int:
    """List, create or compare. Creating is idempotent: what is there and right is left alone."""
    if options.action == "list":
        for topic in ALL:
            print(f"{topic.name:28} {topic.partitions:3} partitions  {topic.cleanup:15} {topic.content}")
        return 0
    if not options.kafka:
        raise CommandFailed("say where Kafka is: --kafka HOST:PORT or EDURELAY_KAFKA")
    try:
        if options.action == "apply":
            created = asyncio.run(apply_topics(options.kafka, ALL, replication_factor=options.replication_factor))
            print("\n".join(f"created {name}" for name in created) or "every topic is there already")
        else:
            asyncio.run(verify_topics(options.kafka, ALL))
            print("every topic is as declared")
    except TopicMismatch as error:
        raise CommandFailed(str(error)) from error
    return 0


COMMAND = Command("topics", "create or verify the declared topics", arguments, run)
