"""What an endpoint chooses of signatures, bodies and proofs is what comes, and comes again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson

from e2e.conftest import Settled
from e2e.receivers import receiving
from edurelay_client import Client, Profile, verify

DATA = {"student_id": "1", "name": "Ana & Łukasz", "email": "ana@example.org"}


async def test_a_cloudevent_signed_both_ways_comes_with_the_proof_and_verifies_by_every_key(client: Client) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(
            receiver.url,
            ["*"],
            signature_profiles=["standard", "skillpassport", "hub256"],
            signature_algorithms=["v1", "v1a"],
            body_format="cloudevents",
            auth={"type": "bearer", "token": "canary-4711"},
        )
        assert endpoint.auth == {"type": "bearer"}
        event_id = await client.events.publish("student.created", DATA, subject="1")
        (request,) = await receiver.until(1)
        secrets = await client.endpoints.secret(endpoint.id)
        [published] = await client.endpoints.public_keys(endpoint.id)
        assert published.whpk == secrets.public_key == endpoint.public_key
        for key in (endpoint.secret, published.whpk):
            verify(request.headers, request.body, key, profile=Profile.STANDARD)
        verify(request.headers, request.body, endpoint.secret, profile=Profile.SKILLPASSPORT)
        assert request.headers["x-hub-signature-256"].startswith("sha256=")
        assert request.headers["authorization"] == "Bearer canary-4711"
        assert request.headers["content-type"] == "application/cloudevents+json"
        event = request.event
        assert (event["specversion"], event["id"], event["type"]) == ("1.0", event_id, "student.created")
        assert (event["subject"], event["datacontenttype"], event["data"]) == ("1", "application/json", DATA)


async def test_after_a_rotation_the_former_public_key_verifies_too(client: Client) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"], signature_algorithms=["v1a"])
        rotated = await client.endpoints.rotate_secret(endpoint.id)
        assert [each.public_key for each in rotated.previous_public_keys] == [endpoint.public_key]
        await client.endpoints.test(endpoint.id)
        (request,) = await receiver.until(1)
        assert request.headers["webhook-signature"].count("v1a,") == 2
        for key in (rotated.public_key, endpoint.public_key):
            verify(request.headers, request.body, key or "")


async def test_a_delivery_that_is_sent_again_keeps_its_bytes_and_a_replay_has_the_present_form(
    client: Client, settled: Settled
) -> None:
    async with receiving() as receiver:
        endpoint = await client.endpoints.create(receiver.url, ["*"], body_format="cloudevents")
        since = datetime.now(UTC) - timedelta(minutes=1)
        await client.events.publish("student.created", DATA, subject="1")
        await settled(endpoint, 1)
        await client.endpoints.change(endpoint.id, body_format="edurelay")

        (delivery,) = (await client.deliveries.page(endpoint=endpoint.id)).data
        await client.deliveries.redeliver(delivery.id)
        first, again = await receiver.until(2)
        assert (again.body, again.headers["content-type"]) == (first.body, "application/cloudevents+json")
        verify(again.headers, again.body, endpoint.secret)

        until = datetime.now(UTC) + timedelta(minutes=1)
        await client.endpoints.replay(endpoint.id, since=since, until=until)
        replayed = (await receiver.until(3))[2]
        assert replayed.headers["content-type"] == "application/json"
        assert replayed.event["event"] == "student.created"
        # The data is the same bytes in either form.
        assert orjson.dumps(DATA) in first.body
        assert orjson.dumps(DATA) in replayed.body
