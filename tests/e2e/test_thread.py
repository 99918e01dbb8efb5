"""From a provider's record to a signed webhook, through all four services."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from e2e.conftest import Settled
from e2e.receivers import receiving
from edurelay_cli.demo.school import Moodle
from edurelay_cli.stack import LocalStack
from edurelay_client import Client
from edurelay_client.models import Counts, Run

ROSTER = ["courses", "groups", "teachers", "students", "enrollments"]


def adds_up(counts: Counts) -> bool:
    return counts.source == counts.created + counts.updated + counts.unchanged + counts.rejected


async def sync(client: Client, connection: str, streams: list[str] | None = None) -> Run:
    run = await client.connections.start_run(connection, streams=streams)
    return await client.runs.until_ended(run.id, timeout=120)


async def test_a_school_is_told_once_and_then_only_its_changes(
    client: Client, school: Moodle, settled: Settled
) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"])
        config, credentials = {"apiUrl": school.url}, {"wsToken": school.token}
        connection = await client.connections.create("MOODLE", config=config, credentials=credentials)

        first = await sync(client, connection.id, ROSTER)
        assert (first.status, first.counts.unchanged, first.counts.rejected) == ("succeeded", 0, 0)
        async with school.session.get(f"{school.url}/_sandbox/school") as answer:
            truth = await answer.json()
        counted = {stream.stream: stream.counts.created for stream in first.streams}
        assert counted["students"] == truth["students"] == 120
        assert counted["courses"] == truth["courses"]
        assert adds_up(first.counts)
        assert (await settled(endpoint, first.counts.created)).delivered == first.counts.created
        assert len(set(receiver.events)) == first.counts.created

        second = await sync(client, connection.id, ROSTER)
        assert (second.counts.unchanged, second.counts.created) == (first.counts.created, 0)

        before = len(receiver.requests)
        changed = await school.change_students(7, seed=3)
        third = await sync(client, connection.id, ROSTER)
        assert third.counts.updated == 7
        await settled(endpoint, first.counts.created + 7)
        told = [request.event for request in receiver.requests[before:]]
        assert {event["event"] for event in told} == {"student.updated"}
        assert sorted(event["data"]["external_id"] for event in told) == sorted(changed)


async def test_both_ids_lead_to_each_other_and_to_the_record(client: Client, school: Moodle) -> None:
    connection = await client.connections.create(
        "MOODLE", config={"apiUrl": school.url}, credentials={"wsToken": school.token}
    )
    await sync(client, connection.id, ["courses", "students"])
    (mapping, *_) = (await client.mappings.page(connection=connection.id, entity_type="student", limit=1)).data
    (back,) = (await client.mappings.page(connection=connection.id, internal_id=mapping.internal_id)).data
    assert back.external_id == mapping.external_id
    entity = await client.entities.get("student", mapping.internal_id)
    assert entity.external_id == mapping.external_id


async def test_a_bad_line_is_rejected_with_its_place_and_can_be_tried_again(
    client: Client, files: Path, settled: Settled
) -> None:
    folder = files / "school"
    folder.mkdir()
    (folder / "people.csv").write_text("id,name,age\n1,Ana,12\n2,Leo,twelve\n3,Eva,13\n")
    layout = {
        "streams": {
            "students": {
                "files": "people.csv",
                "entity_type": "student",
                "key": ["id"],
                "fields": {"name": "name", "extra:age": {"column": "age", "type": "integer"}},
            }
        }
    }
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["student.*"])
        config = {"importPath": str(folder), "layout": layout}
        connection = await client.connections.create("GENERIC_CSV", config=config, credentials={})
        run = await sync(client, connection.id)
        assert (run.status, run.counts.created, run.counts.rejected) == ("succeeded", 2, 1)
        (rejected,) = [each async for each in client.runs.rejected(run.id)]
        assert rejected.line == 3
        assert "people.csv" in (rejected.where or "")
        await settled(endpoint, 2)

        layout["streams"]["students"]["fields"] = {"name": "name", "extra:age": "age"}
        await client.connections.change(connection.id, config=config)
        again = await client.runs.reprocess(run.id, wait=60)
        assert (again.status, again.counts.created) == ("succeeded", 1)
        assert (await settled(endpoint, 3)).delivered == 3


async def test_the_documented_face_does_the_same(stack: LocalStack, school: Moodle) -> None:
    tenant = await stack.new_tenant("A school")
    headers = {"Authorization": f"Bearer {tenant['api_key']}"}
    async with aiohttp.ClientSession(stack.gateway_url, headers=headers) as session:
        body = {
            "institutionId": tenant["id"],
            "provider": "MOODLE",
            "config": {"apiUrl": school.url, "wsFunction": "core_webservice_get_site_info"},
            "credentials": {"wsToken": school.token},
        }
        async with session.post("/integrations", json=body) as answer:
            assert answer.status == 201
            integration = await answer.json()
        assert "credentials" not in json.dumps(integration) or school.token not in json.dumps(integration)
        async with session.post(f"/integrations/{integration['id']}/test") as answer:
            tested = await answer.json()
            assert (tested["success"], bool(tested["message"])) == (True, True)
        async with session.post(f"/integrations/{integration['id']}/sync", json={"entityType": "COURSE"}) as answer:
            synced = await answer.json()
            assert (synced["success"], synced["errors"]) == (True, [])
            assert synced["synced"] == len(synced["mappings"]) > 0
        async with session.get(f"/integrations/{integration['id']}/mappings?entityType=COURSE") as answer:
            assert len(await answer.json()) == synced["synced"]
        async with session.get(f"/integrations/{integration['id']}/logs") as answer:
            logs = await answer.json()
            assert (logs["integrationId"], logs["status"]) == (integration["id"], "ACTIVE")
            assert logs["mappingsCount"] == synced["synced"]
        async with session.delete(f"/integrations/{integration['id']}") as answer:
            assert answer.status == 204
        async with session.get(f"/integrations?institutionId={tenant['id']}") as answer:
            assert integration["id"] not in [each["id"] for each in await answer.json()]


async def test_an_inbound_webhook_becomes_an_event(client: Client, school: Moodle) -> None:
    async with receiving() as receiver:
        connection = await client.connections.create(
            "MOODLE", config={"apiUrl": school.url}, credentials={"wsToken": school.token}
        )
        await client.endpoints.create(receiver.url, ["student.*"])
        (student, *_) = await school.change_students(1, seed=11)
        async with aiohttp.ClientSession() as session:
            notice = {"stream": "students", "keys": [student]}
            async with session.post(connection.webhook_url, json=notice) as answer:
                assert answer.status == 202
        (request,) = await receiver.until(1)
        assert request.event["event"] == "student.created"
        assert request.event["data"]["external_id"] == student
