"""Inbound webhooks."""

from __future__ import annotations

import pytest

from edurelay.events import topics
from edurelay.messages.ingest import InboundWebhook
from integration.gateway.world import MOODLE, Caller, World, until


@pytest.fixture
async def address(tenant: Caller) -> str:
    """The path of a connection's webhooks."""
    return str((await tenant.made("/v1/connections", MOODLE))["webhook_url"]).removeprefix("https://hub.example")


async def taken(world: World, address: str) -> list[InboundWebhook]:
    messages = await world.messages(topics.INGEST, address.split("/")[2])
    return [InboundWebhook.from_message(each.headers, each.value) for each in messages]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a": 1}', "application/json"),
        (b"not json at all {", "application/json"),
        (b"a=1&b=2", "application/x-www-form-urlencoded"),
        (b"\x00\xff\xfe", "application/octet-stream"),
        (b"", "text/plain"),
        (b"x" * 1024 * 1024, "text/plain"),
    ],
)
async def test_a_webhook_is_in_the_log_byte_for_byte(
    world: World, tenant: Caller, address: str, body: bytes, content_type: str
) -> None:
    told = await world.anybody("POST", address, raw=body, headers={"Content-Type": content_type, "X-Kind": "k"})
    assert told.status == 202
    [webhook] = await taken(world, address)
    assert webhook.id == told.body["id"]
    assert (webhook.body, webhook.tenant) == (body, tenant.tenant)
    assert (webhook.headers["content-type"], webhook.headers["x-kind"]) == (content_type, "k")


async def test_a_repetition_gets_the_same_id(world: World, address: str) -> None:
    named = [
        await world.anybody("POST", address, raw=body, headers={"webhook-id": "msg_1"}) for body in (b"one", b"two")
    ]
    nameless = [await world.anybody("POST", address, raw=body) for body in (b"one", b"one", b"two")]
    assert named[0].body == named[1].body
    assert nameless[0].body == nameless[1].body != nameless[2].body


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address[:-1],
        lambda address: address + "x",
        lambda address: address.rpartition("/")[0] + "/wrong",
        lambda address: "/in/00000000-0000-4000-8000-000000000000/" + address.rpartition("/")[2],
        lambda address: "/in/nonsense/" + address.rpartition("/")[2],
        lambda address: "/in/%24ne/%00",
        lambda address: "/in/x/%ff%fe",
        lambda address: address.rpartition("/")[0] + "/%C3%A4",
    ],
)
async def test_a_wrong_secret_gets_what_a_missing_connection_gets(world: World, address: str, change: object) -> None:
    assert callable(change)
    told = await world.anybody("POST", change(address), raw=b"{}")
    assert (told.status, told.body["code"]) == (404, "not_found")
    missing = await world.anybody("POST", "/in/11111111-1111-4111-8111-111111111111/secret", raw=b"{}")
    assert told.body == missing.body or told.body["detail"] == "There is no such thing."


async def test_a_secret_opens_only_its_own_connection(world: World, tenant: Caller, address: str) -> None:
    other = str((await tenant.made("/v1/connections", MOODLE))["id"])
    told = await world.anybody("POST", f"/in/{other}/{address.rpartition('/')[2]}", raw=b"{}")
    assert told.status == 404


async def test_more_than_a_megabyte_is_refused(world: World, address: str) -> None:
    told = await world.anybody("POST", address, raw=b"x" * (1024 * 1024 + 1))
    assert (told.status, told.body["code"]) == (413, "too_large")


async def test_a_compressed_body_is_refused(world: World, address: str) -> None:
    told = await world.anybody("POST", address, raw=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert (told.status, told.body["code"]) == (415, "unsupported_encoding")


async def test_credentials_in_headers_do_not_reach_the_log(world: World, address: str) -> None:
    headers = {"Authorization": "Basic Y2FuYXJ5", "Cookie": "canary=1", "X-Signature": "kept"}
    await world.anybody("POST", address, raw=b"{}", headers=headers)
    [webhook] = await taken(world, address)
    assert webhook.headers["x-signature"] == "kept"
    assert not {"authorization", "cookie"} & webhook.headers.keys()


async def test_a_deleted_connection_takes_nothing_soon_after(world: World, tenant: Caller, address: str) -> None:
    assert (await world.anybody("POST", address, raw=b"1")).status == 202
    await tenant("DELETE", f"/v1/connections/{address.split('/')[2]}")
    await until(lambda: world.anybody("POST", address, raw=b"2"), lambda told: told.status == 404, 10)


async def test_an_inactive_connection_says_so_to_who_knows_its_secret(
    world: World, tenant: Caller, address: str
) -> None:
    await tenant("PATCH", f"/v1/connections/{address.split('/')[2]}", {"status": "INACTIVE"})
    told = await world.anybody("POST", address, raw=b"1")
    assert (told.status, told.body["code"]) == (409, "connection_inactive")
    assert (await world.anybody("POST", address + "x", raw=b"1")).status == 404
