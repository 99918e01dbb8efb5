"""`edurelay dlq`: what could not be processed (dead letters of topics) and what could not be delivered."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from edurelay.events.topics import Topic
from edurelay.kafka.log import LogReader
from edurelay.kafka.producer import Producer
from edurelay.kafka.reprocessing import SOURCES, DeadLetter, Unreadable, count, read, reprocess, send_back
from edurelay_cli.api.access import MISSING
from edurelay_cli.api.groups import Action, Call, complete, first, limit_argument, run_call
from edurelay_cli.api.kafka import bootstrap, kafka_argument, run
from edurelay_cli.api.showing import Show, cell, fields
from edurelay_cli.commands.base import Command, CommandFailed
from edurelay_cli.commands.deliveries import COLUMNS

_TOPICS = {"TOPIC": "topic", "KEPT": "kept", "NOT REPROCESSED": "waiting"}
_LETTERS = {"OFFSET": "offset", "AT": "at", "REASON": "reason", "ATTEMPTS": "attempts", "KEY": "key", "ERROR": "error"}
_BY_NAME = {topic.name.removeprefix("edurelay."): topic for topic in SOURCES}

OnTopics = Callable[[argparse.Namespace, Show], Awaitable[int]]


async def _topics(options: argparse.Namespace, show: Show) -> int:
    found = [
        {"topic": each.topic.name, "kept": each.kept, "waiting": each.waiting}
        for each in await count(bootstrap(options))
    ]
    show.rows(_TOPICS, found, "")
    return 0


async def _list(options: argparse.Namespace, show: Show) -> int:
    letters = await read(bootstrap(options), _topic(options), most=options.limit)
    show.rows(_LETTERS, [_row(each) for each in letters], f"{_topic(options).name} has no dead letters")
    return 0


async def _show(options: argparse.Namespace, show: Show) -> int:
    async with LogReader(bootstrap(options)) as log:
        letter = await _one(log, _topic(options), options.offset)
    value = None if letter.value is None else letter.value.decode(errors="replace")
    headers = {name: text.decode(errors="replace") for name, text in letter.headers}
    if show.as_json:
        show.one(_row(letter) | {"headers": headers, "value": value})
    else:
        print(fields(_row(letter) | headers))
        print(f"\n{cell(value)}")
    return 0


async def _reprocess(options: argparse.Namespace, show: Show) -> int:
    topic, brokers = _topic(options), bootstrap(options)
    async with Producer(brokers, client_id="edurelay-cli") as producer:
        if options.offset:
            sent, unreadable = await _send_back(brokers, topic, options.offset, producer)
        else:
            outcome = await reprocess(brokers, topic, producer)
            sent, unreadable = outcome.sent, list(outcome.unreadable)
    if show.as_json:
        show.one({"topic": topic.name, "sent": sent, "unreadable": unreadable})
    else:
        print("\n".join([f"{sent} sent back to {topic.name}", *unreadable]))
    return 1 if unreadable else 0


async def _send_back(brokers: str, topic: Topic, offsets: list[int], producer: Producer) -> tuple[int, list[str]]:
    unreadable = []
    async with LogReader(brokers) as log:
        for letter in [await _one(log, topic, offset) for offset in offsets]:
            try:
                await send_back(letter, producer, log)
            except Unreadable as error:
                unreadable.append(str(error))
    return len(offsets) - len(unreadable), unreadable


async def _one(log: LogReader, topic: Topic, offset: int) -> DeadLetter:
    found = await log.read_one(topic.dlq, 0, offset)
    if found is None:
        raise CommandFailed(f"{topic.dlq.name} has nothing at {offset}; `edurelay dlq list` shows what it has", MISSING)
    return DeadLetter.of(found)


def _topic(options: argparse.Namespace) -> Topic:
    return _BY_NAME[options.topic.removeprefix("edurelay.").removesuffix(".dlq")]


def _row(letter: DeadLetter) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "offset": letter.offset,
        "at": letter.at,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "key": letter.key.decode(errors="replace"),
        "error": letter.error,
        "source": f"{letter.topic}/{letter.source_partition}/{letter.source_offset}",
    }


async def _deliveries(call: Call) -> None:
    found = await first(
        call.client.deliveries.page, call.options.limit, endpoint=call.options.endpoint, status="dead_lettered"
    )
    call.show.rows({"ENDPOINT": "endpoint_id"} | COLUMNS, found, "no delivery is a dead letter")


async def _redeliver(call: Call) -> None:
    done = await call.client.endpoints.redeliver(call.options.endpoint)
    call.show.rows({"REDELIVERED": "redelivered", "COMPLETED": "completed"}, [done.model_dump()], "")


def _topic_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", type=_topic_name, help=f"one of {', '.join(_BY_NAME)}")


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    _topic_arguments(parser)
    limit_argument(parser)


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    _topic_arguments(parser)
    parser.add_argument("offset", type=int, help="the dead letter's offset")


def _reprocess_arguments(parser: argparse.ArgumentParser) -> None:
    _topic_arguments(parser)
    parser.add_argument(
        "--offset", type=int, action="append", help="only this dead letter, whether it was sent back before or not"
    )


def _topic_name(text: str) -> str:
    name = text.removeprefix("edurelay.").removesuffix(".dlq")
    if name not in _BY_NAME:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_BY_NAME)}")
    return name


def _deliveries_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", nargs="?", help="only those to this endpoint")
    limit_argument(parser)


_ON_TOPICS: tuple[tuple[str, str, OnTopics, Callable[[argparse.ArgumentParser], object]], ...] = (
    ("topics", "count the dead letters of each topic", _topics, lambda parser: None),
    ("list", "list a topic's dead letters, the newest first", _list, _list_arguments),
    ("show", "show a dead letter, with its headers and its value", _show, _show_arguments),
    ("reprocess", "send a topic's dead letters back to it, those that were not yet", _reprocess, _reprocess_arguments),
)
_ON_DELIVERIES = (
    Action("deliveries", "list the deliveries that are dead letters", _deliveries, _deliveries_arguments),
    Action(
        "redeliver",
        "deliver all dead letters of an endpoint once more",
        _redeliver,
        lambda parser: parser.add_argument("endpoint", help="the endpoint's id"),
    ),
)


def _arguments(parser: argparse.ArgumentParser) -> None:
    below = parser.add_subparsers(metavar="action", required=True)
    for name, summary, act, declare in _ON_TOPICS:
        sub = below.add_parser(name, help=summary, description=summary)
        declare(sub)
        kafka_argument(sub)
        sub.add_argument("--folder", type=Path, default=Path(".edurelay"), help="the folder that `up` was given")
        sub.add_argument("--json", action="store_true", help="one line of JSON for each thing, for scripts")
        sub.set_defaults(on_topics=act)
    for action in _ON_DELIVERIES:
        sub = below.add_parser(action.name, help=action.summary, description=action.summary)
        complete(sub, action)
        sub.set_defaults(on_topics=None)


def _run(options: argparse.Namespace) -> int:
    if options.on_topics is None:
        return run_call(options)
    return run(options.on_topics(options, Show(as_json=options.json)))


COMMAND = Command("dlq", "what could not be processed or delivered, and doing it again", _arguments, _run)
