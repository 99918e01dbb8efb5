"""An inbound webhook becomes the records that it tells of, and wins over what was read before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from edurelay.events.topics import INGEST
from edurelay.kafka.handler import Received
from edurelay.kafka.tail import Tail
from edurelay_connector_runner.sdk import Throttled
from integration.runner.mapping_stand_in import MappingStandIn
from integration.runner.scripted import Provider, rows, unavailable
from integration.runner.service import SECRET, Stage


def school() -> Provider:
    """Return a provider of ten courses and twenty students."""
    return Provider({"courses": rows("c", 10), "students": rows("s", 20)})


@pytest.fixture
async def dead_letters(kafka_bootstrap: str, stage: Stage) -> AsyncIterator[asyncio.Queue[Received]]:
    """The webhooks of this test's tenant that could not be used."""
    queue: asyncio.Queue[Received] = asyncio.Queue()

    def receive(letter: Received) -> None:
        if letter.header("tenant") == stage.tenant:
            queue.put_nowait(letter)

    async with Tail(kafka_bootstrap, INGEST.dlq, receive) as tail:
        following = asyncio.create_task(tail.run())
        yield queue
        following.cancel()
        await asyncio.wait([following])


async def test_what_changed_is_fetched_and_sent(stage: Stage, mapping: MappingStandIn) -> None:
    await stage.start(school())
    connection = await stage.connect()
    await stage.webhook(connection, b"students:s-1,s-2,s-17,unknown")
    await mapping.until(lambda: len(mapping.external_ids(connection.id, "student")) == 3)
    assert mapping.external_ids(connection.id, "student") == {"s-1", "s-2", "s-17"}


async def test_a_change_that_is_told_after_a_sync_is_not_taken_for_an_older_one(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = school()
    await stage.start(provider)
    connection = await stage.connect()
    await stage.run(connection)
    provider.streams["students"][3]["name"] = "changed"
    place = (stage.tenant, connection.id, "student", "s-3")
    await stage.webhook(connection, b"students:s-3")
    await mapping.until(lambda: mapping.entities[place].attributes["name"] == "changed")


async def test_a_webhook_that_comes_twice_may_find_a_newer_record(stage: Stage, mapping: MappingStandIn) -> None:
    provider = school()
    await stage.start(provider)
    connection = await stage.connect()
    place = (stage.tenant, connection.id, "student", "s-3")
    await stage.webhook(connection, b"students:s-3", webhook_id="in_1")
    await mapping.until(lambda: place in mapping.entities)
    provider.streams["students"][3]["name"] = "newer"
    await stage.webhook(connection, b"students:s-3", webhook_id="in_1")
    await mapping.until(lambda: mapping.entities[place].attributes["name"] == "newer")


async def test_a_provider_that_fails_in_passing_is_asked_again(stage: Stage, mapping: MappingStandIn) -> None:
    provider = school()
    provider.plant("students", -1, unavailable())
    provider.plant("students", -1, Throttled(1))
    await stage.start(provider)
    connection = await stage.connect()
    await stage.webhook(connection, b"students:s-1")
    await mapping.until(lambda: mapping.external_ids(connection.id, "student") == {"s-1"})


async def test_a_provider_that_says_when_to_come_back_uses_up_no_attempt(
    stage: Stage, mapping: MappingStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edurelay_connector_runner.app.WEBHOOK_ATTEMPTS", 1)
    provider = school()
    for _ in range(2):
        provider.plant("students", -1, Throttled(1))
    await stage.start(provider)
    connection = await stage.connect()
    await stage.webhook(connection, b"students:s-1")
    await mapping.until(lambda: mapping.external_ids(connection.id, "student") == {"s-1"})


async def test_a_webhook_that_makes_no_sense_is_put_aside_and_the_next_one_is_taken(
    stage: Stage, mapping: MappingStandIn, dead_letters: asyncio.Queue[Received]
) -> None:
    provider = school()
    await stage.start(provider)
    connection = await stage.connect()
    await stage.webhook(connection, b"no stream at all")
    await stage.webhook(connection, b"grades:g-1")
    await stage.webhook(connection, b"students:s-1")
    await mapping.until(lambda: mapping.external_ids(connection.id, "student") == {"s-1"})
    async with asyncio.timeout(10):
        letters = [await dead_letters.get(), await dead_letters.get()]
    assert [letter.value for letter in letters] == [b"no stream at all", b"grades:g-1"]
    assert "the body names no stream" in (letters[0].header("dlq-error") or "")


async def test_a_dead_letter_holds_no_credential(stage: Stage, dead_letters: asyncio.Queue[Received]) -> None:
    provider = school()
    provider.plant("students", -1, ValueError(SECRET))
    await stage.start(provider)
    await stage.webhook(await stage.connect(), b"students:s-1")
    async with asyncio.timeout(10):
        letter = await dead_letters.get()
    assert letter.value == b"students:s-1"
    assert all(SECRET.encode() not in text for _, text in letter.headers)


async def test_records_of_a_sender_that_was_verified_are_taken_as_they_are(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = school()
    await stage.start(provider)
    connection = await stage.connect()
    await stage.webhook(connection, b'students:[{"id": "s-3", "name": "as told"}]', verified=True)
    await mapping.until(lambda: mapping.external_ids(connection.id, "student") == {"s-3"})
    assert mapping.entities[stage.tenant, connection.id, "student", "s-3"].attributes["name"] == "as told"
    assert [webhook.verified for webhook in provider.webhooks] == [True]


async def test_records_of_a_sender_that_proved_nothing_only_say_what_to_look_for(
    stage: Stage, mapping: MappingStandIn
) -> None:
    provider = school()
    await stage.start(provider)
    connection = await stage.connect()
    told = b'students:[{"id": "s-3", "name": "forged"}, {"id": "s-999", "name": "invented"}, {"bad": true}]'
    await stage.webhook(connection, told)
    await mapping.until(lambda: bool(mapping.external_ids(connection.id, "student")))
    assert mapping.external_ids(connection.id, "student") == {"s-3"}
    assert mapping.entities[stage.tenant, connection.id, "student", "s-3"].attributes["name"] == "s 3"
    assert [webhook.verified for webhook in provider.webhooks] == [False]


async def test_records_of_a_sender_that_proved_nothing_are_put_aside_where_nobody_can_be_asked(
    stage: Stage, mapping: MappingStandIn, dead_letters: asyncio.Queue[Received]
) -> None:
    provider = school()
    provider.fetches = False
    await stage.start(provider)
    connection = await stage.connect()
    await stage.webhook(connection, b'students:[{"id": "s-3", "name": "forged"}]')
    async with asyncio.timeout(10):
        letter = await dead_letters.get()
    assert "was not verified" in (letter.header("dlq-error") or "")
    assert mapping.external_ids(connection.id, "student") == set()
