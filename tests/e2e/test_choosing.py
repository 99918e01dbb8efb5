"""Each receiver gets what it chose and may see, from a provider's record to the webhook."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Settled
from e2e.receivers import receiving
from edurelay_client import Client, Example, InvalidRequest

LAYOUT = {
    "streams": {
        "students": {
            "files": "students.csv",
            "entity_type": "student",
            "key": ["id"],
            "fields": {"name": "name", "email": "email"},
        },
        "courses": {"files": "courses.csv", "entity_type": "course", "key": ["id"], "fields": {"name": "name"}},
        "enrollments": {
            "files": "enrollments.csv",
            "entity_type": "enrollment",
            "key": ["student", "course"],
            "fields": {"student": "student", "course": "course"},
        },
    }
}


def school_in(folder: Path) -> Path:
    """Write down a school of two students."""
    folder.mkdir()
    (folder / "students.csv").write_text("id,name,email\n1,Ana,ana@a.example\n2,Leo,leo@b.example\n")
    (folder / "courses.csv").write_text("id,name\nMAT-1,Maths\n")
    (folder / "enrollments.csv").write_text("student,course\n1,MAT-1\n2,MAT-1\n")
    return folder


async def test_three_receivers_of_one_school_see_what_each_of_them_chose(
    client: Client, files: Path, settled: Settled
) -> None:
    config = {"importPath": str(school_in(files / "choosing")), "layout": LAYOUT}
    connection = (await client.connections.create("GENERIC_CSV", config=config, credentials={})).id
    async with receiving() as picked, receiving() as thin, receiving() as foreign:
        condition = "data.attributes.email.endsWith('@a.example')"
        example = Example(type="student.created", data={"attributes": {"email": "eva@a.example"}})
        assert (await client.endpoints.try_condition(condition, example)).matched is True
        narrow = await client.endpoints.create(
            picked.url,
            ["student.created"],
            condition=condition,
            condition_example=example,
            fields=["name", "attributes.email"],
        )
        assert narrow.example_matched is True
        ids_only = await client.endpoints.create(thin.url, ["enrollment.*"], payload="thin")
        in_theirs = await client.endpoints.create(foreign.url, ["enrollment.*", "student.*"], ids=connection)
        run = await client.connections.start_run(connection)
        assert (await client.runs.until_ended(run.id, timeout=120)).counts.created == 5

        assert (await settled(narrow, 1)).delivered == 1
        assert [each.event["data"] for each in picked.requests] == [
            {"name": "Ana", "attributes": {"email": "ana@a.example"}}
        ]

        assert (await settled(ids_only, 2)).delivered == 2
        for request in thin.requests:
            assert set(request.event) == {"id", "event", "timestamp", "subject", "data"}
            assert set(request.event["data"]) == {"enrollment_id", "attributes"}
            assert set(request.event["data"]["attributes"]) == {"student_id", "course_id"}
            entity = await client.entities.get("enrollment", request.event["subject"])
            assert entity.attributes["student_id"] == request.event["data"]["attributes"]["student_id"]

        assert (await settled(in_theirs, 4)).delivered == 4
        told: dict[str, list[Any]] = {"student.created": [], "enrollment.created": []}
        for request in foreign.requests:
            told[request.event["event"]].append(request.event["data"])
        assert sorted(each["student_id"] for each in told["student.created"]) == ["1", "2"]
        assert {each["enrollment_id"] == each["external_id"] for each in told["enrollment.created"]} == {True}
        pairs = [
            (each["attributes"]["student_id"], each["attributes"]["course_id"]) for each in told["enrollment.created"]
        ]
        assert sorted(pairs) == [("1", "MAT-1"), ("2", "MAT-1")]
        assert not any("missing_ids" in each for kind in told.values() for each in kind)

        await client.events.publish("student.enrolled", {"student_id": "nobody", "course_id": "none"})
        assert (await settled(in_theirs, 5)).delivered == 5
        data = foreign.requests[-1].event["data"]
        assert (data["student_id"], data["course_id"]) == (None, None)
        assert [each["id"] for each in data["missing_ids"]] == ["none", "nobody"]


async def test_a_condition_that_fails_shows_on_the_endpoint(client: Client, settled: Settled) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["note.*"], condition="data.author == 'Ana'")
        await client.events.publish("note.uploaded", {"author": "Leo"})
        event_id = await client.events.publish("note.uploaded", {"title": "no author"})
        await client.events.publish("note.uploaded", {"author": "Ana"})
        assert (await settled(endpoint, 1)).matched == 1
        async with asyncio.timeout(30):
            while (failure := (await client.endpoints.get(endpoint.id)).condition_failure) is None:
                await asyncio.sleep(0.1)
        assert (failure.count, failure.event_id) == (1, event_id)
        assert "author" in failure.reason


async def test_a_condition_that_is_none_is_refused_with_its_place(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="line 1, column 8"):
        await client.endpoints.create("http://127.0.0.1:9/", ["*"], condition="data.a =")
