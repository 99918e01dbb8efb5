"""Each group of `edurelay`'s commands, on the running stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.command_line import CommandLine
from e2e.receivers import receiving
from edurelay.events.ids import new_id
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Received
from edurelay.kafka.producer import Producer
from edurelay_cli.stack import LocalStack


@pytest.fixture
async def edurelay(stack: LocalStack, tmp_path: Path) -> CommandLine:
    tenant = await stack.new_tenant("A school at its command line")
    environment = {
        "EDURELAY_URL": stack.gateway_url,
        "EDURELAY_API_KEY": tenant["api_key"],
        "EDURELAY_KAFKA": stack.bootstrap,
    }
    return CommandLine(environment, tmp_path)


async def test_an_endpoint_is_made_shown_changed_and_deleted(edurelay: CommandLine) -> None:
    async with receiving() as receiver:
        made = (await edurelay("endpoints", "create", receiver.url, "a.*", "b.c", "--header", "X-A: b", "--json")).one
        assert made["secret"].startswith("whsec_")
        assert (made["event_types"], made["headers"]) == (["a.*", "b.c"], {"X-A": "b"})
        changed = await edurelay(
            "endpoints", "change", made["id"], "--type", "c.*", "--set", "max_in_flight=3", "--json"
        )
        assert (changed.one["event_types"], changed.one["max_in_flight"]) == (["c.*"], 3)
        assert changed.one["headers"] == {"X-A": "b"}
        assert (await edurelay("endpoints", "disable", made["id"])).code == 0
        assert not (await edurelay("endpoints", "show", made["id"], "--json")).one["enabled"]
        assert (await edurelay("endpoints", "enable", made["id"])).code == 0
        listed = await edurelay("endpoints", "list")
        assert made["id"] in listed.out
        assert "whsec_" not in listed.out
        assert (await edurelay("endpoints", "secret", made["id"], "--json")).one["secret"] == made["secret"]
        rotated = (await edurelay("endpoints", "rotate-secret", made["id"], "--overlap", "1h", "--json")).one
        assert rotated["secret"] != made["secret"]
        assert [each["secret"] for each in rotated["previous"]] == [made["secret"]]
        assert (await edurelay("endpoints", "delete", made["id"])).code == 0
        gone = await edurelay("endpoints", "show", made["id"])
        assert (gone.code, gone.out) == (3, "")
        assert "`list`" in gone.err


async def test_a_test_event_shows_what_was_answered(edurelay: CommandLine) -> None:
    async with receiving(lambda n: 204 if n == 0 else 418) as receiver:
        made = (await edurelay("endpoints", "create", receiver.url, "a.*", "--json")).one
        good = await edurelay("endpoints", "test", made["id"])
        assert (good.code, "204" in good.out) == (0, True)
        bad = await edurelay("endpoints", "test", made["id"], "--type", "note.uploaded", "--json")
        assert (bad.code, bad.one["made"][0]["status_code"]) == (1, 418)


async def test_events_are_published_followed_and_sent_again(edurelay: CommandLine) -> None:
    async with receiving(500) as receiver:
        made = (await edurelay("endpoints", "create", receiver.url, "note.*", "--schedule", "0,0.1", "--json")).one
        event = ["--type", "note.uploaded", "--data", '{"n": 1}', "--subject", "note-1"]
        event_id = (await edurelay("events", "publish", *event, "--json")).one["id"]
        await receiver.until(2)
        listing = ["deliveries", "list", "--endpoint", made["id"], "--status", "dead_lettered", "--json"]
        while not (found := (await edurelay(*listing)).lines):
            pass
        (delivery,) = found
        assert delivery["event_id"] == event_id
        assert (await edurelay("deliveries", "show", delivery["id"], "--json")).one["attempts"] == 2
        attempts = await edurelay("deliveries", "attempts", delivery["id"])
        assert attempts.out.count("failed") == 2
        assert delivery["id"] in (await edurelay("dlq", "deliveries", made["id"])).out
        assert (await edurelay("endpoints", "ledger", made["id"], "--json")).one["dead_lettered"] == 1
        receiver.script = lambda _: 200
        assert (await edurelay("deliveries", "redeliver", delivery["id"])).code == 0
        await receiver.until(3)
        shown = await edurelay("events", "show", event_id)
        assert "note-1" in shown.out
        assert made["id"] in shown.out
        assert event_id in (await edurelay("events", "list", "--type", "note.uploaded", "--subject", "note-1")).out


async def test_all_dead_letters_of_an_endpoint_are_redelivered(edurelay: CommandLine) -> None:
    async with receiving(500) as receiver:
        made = (await edurelay("endpoints", "create", receiver.url, "*", "--schedule", "0", "--json")).one
        lines = "\n".join(json.dumps({"type": "note.uploaded", "data": {"n": n}}) for n in range(3))
        assert (await edurelay("events", "publish", stdin=lines)).out == "3 published\n"
        while (await edurelay("endpoints", "ledger", made["id"], "--json")).one["dead_lettered"] < 3:
            pass
        receiver.script = lambda _: 200
        assert (await edurelay("dlq", "redeliver", made["id"], "--json")).one["redelivered"] == 3
        await receiver.until(6)


async def test_a_file_is_published_in_batches_and_a_repetition_publishes_nothing_twice(
    edurelay: CommandLine, tmp_path: Path
) -> None:
    events = [{"type": "note.uploaded", "data": {"n": n}} for n in range(1100)]
    events[1050] = {"type": "no type", "data": {}}
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(map(json.dumps, events)))
    key = new_id("key")
    first = await edurelay("events", "publish", str(path), "--repeat", key, "--json")
    assert first.code == 1
    assert "1051 was refused" in first.err
    assert len([line for line in first.lines if "id" in line]) == 1099
    second = await edurelay("events", "publish", str(path), "--repeat", key, "--json")
    assert second.lines == first.lines


async def test_a_replay_brings_what_was_before_the_endpoint(edurelay: CommandLine) -> None:
    published = await edurelay("events", "publish", "--type", "note.uploaded", "--data", '{"n": 1}', "--json")
    async with receiving() as receiver:
        made = (await edurelay("endpoints", "create", receiver.url, "*", "--json")).one
        replay = await edurelay("replay", made["id"], "--since", "1h", "--type", "note.*")
        assert replay.code == 0
        assert made["id"] in replay.out
        await receiver.until(1)
        assert receiver.events == [published.one["id"]]


async def test_dead_letters_of_topics_are_listed_shown_and_sent_back(edurelay: CommandLine, stack: LocalStack) -> None:
    key = new_id("conn").encode()
    received = Received("edurelay.ingest", 0, 0, 0, key, b"what nobody can read", [("a", b"b")])
    async with Producer(stack.bootstrap, client_id="test") as producer:
        await DeadLetters(producer).send(received, reason="malformed", error=ValueError("no such field"))
    found = (await edurelay.apart("dlq", "list", "ingest", "--json")).lines
    (letter,) = [each for each in found if each["key"] == key.decode()]
    shown = await edurelay.apart("dlq", "show", "ingest", str(letter["offset"]))
    assert "what nobody can read" in shown.out
    assert "no such field" in shown.out
    counted = {each["topic"]: each for each in (await edurelay.apart("dlq", "topics", "--json")).lines}
    assert counted["edurelay.ingest"]["waiting"] >= 1
    sent = (await edurelay.apart("dlq", "reprocess", "ingest", "--json")).one
    assert sent["sent"] >= 1
    one = (await edurelay.apart("dlq", "reprocess", "ingest", "--offset", str(letter["offset"]), "--json")).one
    assert one["sent"] == 1
    missing = await edurelay.apart("dlq", "show", "ingest", "999999")
    assert missing.code == 3


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["endpoints", "create", "https://example.org/", "not a type"], 1, "event_types"),
        (["endpoints", "create", "http://10.0.0.1/", "*"], 1, "url"),
        (["endpoints", "change", "ep_1"], 2, "--type"),
        (["endpoints", "show", "ep_1"], 3, "list"),
        (["deliveries", "list", "--status", "lost"], 2, "pending"),
        (["replay", "ep_1", "--since", "yesterday"], 2, "2h"),
        (["replay", "ep_1", "--since", "1h", "--until", "2h"], 2, "not before"),
        (["events", "publish", "/nowhere.json"], 2, "/nowhere.json"),
        (["events", "publish", "--data", "{}"], 2, "--type"),
        (["dlq", "list", "colours"], 2, "ingest"),
        (["endpoints", "list", "--gateway", "http://127.0.0.1:9", "--api-key", "k"], 4, "edurelay up"),
        (["endpoints", "list", "--api-key", "edr_wrong"], 5, "EDURELAY_API_KEY"),
        (["endpoints"], 2, "action"),
    ],
)
async def test_what_goes_wrong_is_told_with_what_to_do(
    edurelay: CommandLine, words: list[str], code: int, told: str
) -> None:
    result = await edurelay(*words)
    assert (result.code, result.out) == (code, "")
    assert told in result.err
    assert "Traceback" not in result.err


async def test_a_stack_in_the_folder_needs_no_options(stack: LocalStack, edurelay: CommandLine) -> None:
    without = CommandLine({"EDURELAY_URL": "", "EDURELAY_API_KEY": "", "EDURELAY_KAFKA": ""}, edurelay.folder)
    folder = str(stack.folder.path)
    for tenant in stack.tenants:
        words = ["events", "publish", "--type", "note.uploaded", "--folder", folder, "--tenant", tenant["name"]]
        assert (await without(*words, "--json")).one["id"]
    assert (await without.apart("dlq", "topics", "--folder", folder)).code == 0
    nothing = await without.apart("events", "list")
    assert (nothing.code, "edurelay up" in nothing.err) == (2, True)
