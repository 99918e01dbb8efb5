"""The sandbox's own API and its command: what a test from outside leans on."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp

from edurelay_sandbox.moodle import HUB, MoodleSandbox
from integration.moodle.driver import PlainHttp, connect, read_everything, read_stream


async def test_the_counts_are_those_of_the_school(sandbox: MoodleSandbox, url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/_sandbox/school") as answer:
        assert await answer.json() == sandbox.school.counts()


async def test_a_change_names_whom_it_changed_and_really_changes_them(url: str, http: PlainHttp) -> None:
    before = (await read_stream(connect(http, url), "students")).entities
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/_sandbox/change", json={"students": 25, "seed": 4}) as answer,
    ):
        changed = {str(user) for user in (await answer.json())["students"]}
    after = (await read_stream(connect(http, url), "students")).entities
    assert len(changed) == 25
    assert {key for key in after if after[key] != before[key]} == changed


async def test_enrolments_are_added_and_removed(url: str, http: PlainHttp) -> None:
    before = (await read_stream(connect(http, url), "enrollments")).entities.keys()
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/_sandbox/enrolments", json={"add": 5, "remove": 3}) as answer,
    ):
        told = await answer.json()
    after = (await read_stream(connect(http, url), "enrollments")).entities.keys()
    assert (len(told["added"]), len(told["removed"])) == (5, 3)
    assert after - before == set(told["added"]) - set(told["removed"])
    assert before - after == set(told["removed"])


async def test_counts_still_agree_after_changes(sandbox: MoodleSandbox, url: str, http: PlainHttp) -> None:
    sandbox.school.shuffle(9, add=20, remove=20)
    sandbox.school.delete(7)
    read = await read_everything(connect(http, url, completions=True))
    counts = {("enrolments" if name == "enrollments" else name): len(one.entities) for name, one in read.items()}
    assert counts == sandbox.school.counts()


async def test_faults_are_switched_on_listed_and_off(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        fault = {"kind": "status", "status": 503, "requests": 2, "function": "core_course_get_courses"}
        async with session.post(f"{url}/_sandbox/faults", json=fault) as answer:
            assert answer.status == 201
        async with session.get(f"{url}/_sandbox/faults") as answer:
            assert [one["status"] for one in await answer.json()] == [503]
        async with session.delete(f"{url}/_sandbox/faults") as answer:
            assert answer.status == 204
        async with session.get(f"{url}/_sandbox/faults") as answer:
            assert await answer.json() == []


async def test_bad_input_is_a_400(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        for path, body in (
            ("faults", "nonsense"),
            ("faults", '{"kind": "earthquake"}'),
            ("faults", '{"kind": "slow", "seconds": "x"}'),
            ("faults", "[]"),
            ("change", '{"students": "many"}'),
            ("change", '{"teachers": 1}'),
            ("enrolments", '{"add": -1}'),
        ):
            async with session.post(f"{url}/_sandbox/{path}", data=body) as answer:
                assert answer.status == 400, body


async def test_the_command_announces_its_address_and_stops_when_told(tmp_path: Path) -> None:
    announced = tmp_path / "moodle.json"
    command = [sys.executable, "-m", "edurelay_sandbox", "moodle", "--students", "30", "--courses", "4"]
    process = await asyncio.create_subprocess_exec(*command, "--announce", str(announced))
    try:
        async with asyncio.timeout(20):
            while not announced.exists():
                await asyncio.sleep(0.02)
        told = json.loads(announced.read_text())
        assert told["token"] == HUB
        assert told["pid"] == process.pid
        async with aiohttp.ClientSession() as session, session.get(f"{told['url']}/_sandbox/school") as answer:
            assert (await answer.json())["students"] == 30
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_the_command_prints_its_address_where_no_file_is_named() -> None:
    command = [sys.executable, "-m", "edurelay_sandbox", "moodle", "--students", "3", "--courses", "1"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 20)
        assert json.loads(line)["url"].startswith("http://127.0.0.1:")
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
