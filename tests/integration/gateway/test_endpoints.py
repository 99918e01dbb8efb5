"""Endpoints, from the API to the topic, and what their owner asks of the dispatcher."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from edurelay.events import topics
from edurelay.events.catalogue import EVENT_TYPES
from edurelay.messages.subscriptions import Subscription, sealing_context
from edurelay.security.sealing import Sealer
from edurelay_sandbox.receiver import Receiver
from integration.egress.addresses import urls
from integration.gateway.routes import REDELIVERY
from integration.gateway.world import INTERNAL_TOKEN, RECEIVER, SEAL_KEYS, Caller, World, running, until

COUNTED = {"matched": 3, "delivered": 1, "pending": 1, "dead_lettered": 1}
DELIVERY = {
    "id": "dlv_0019-3.1029-ep_x",
    "event_id": "evt_1",
    "event_type": "endpoint.test",
    "subject": None,
    "endpoint_id": "ep_x",
    "sequence": None,
    "parked": False,
    "status": "pending",
    "reason": None,
    "attempts": 0,
    "created_at": "2026-01-01T00:00:00.000Z",
    "updated_at": "2026-01-01T00:00:00.000Z",
    "next_attempt_at": None,
}


async def subscriptions(world: World, endpoint_id: str) -> list[Subscription | None]:
    messages = await world.messages(topics.SUBSCRIPTIONS, endpoint_id)
    return [Subscription.decode(each.value) if each.value is not None else None for each in messages]


def opened(subscription: Subscription) -> list[str]:
    sealer = Sealer.from_keys(SEAL_KEYS)
    context = sealing_context(subscription.tenant, subscription.id)
    return [sealer.unseal(sealed, context).decode() for sealed in subscription.secrets]


async def test_a_new_endpoint_is_in_the_topic_before_its_answer(world: World, tenant: Caller) -> None:
    body = {
        **RECEIVER,
        "description": "ours",
        "signature_profiles": ["standard", "skillpassport"],
        "headers": {"X-Our-Token": "1"},
        "rate_per_second": 5,
        "max_in_flight": 3,
        "retry_schedule": [0, 5, 60],
    }
    told = await tenant("POST", "/v1/endpoints", body)
    assert told.status == 201
    endpoint = told.body
    assert endpoint["secret"].startswith("whsec_")
    assert endpoint["in_force"] is True
    assert endpoint["headers"] == {"X-Our-Token": "1"}

    [state] = await subscriptions(world, endpoint["id"])
    assert state is not None
    assert (state.tenant, state.url, state.event_types, state.enabled) == (
        tenant.tenant,
        RECEIVER["url"],
        ["student.*"],
        True,
    )
    assert (state.rate_per_second, state.max_in_flight, state.retry_schedule) == (5, 3, [0, 5, 60])
    assert state.headers == {"X-Our-Token": "1"}
    assert opened(state) == [endpoint["secret"]]
    assert state.secret_expiries == [0]


async def test_the_secret_is_shown_at_creation_and_on_request_and_nowhere_else(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path = f"/v1/endpoints/{endpoint['id']}"
    shown = (await tenant("GET", f"{path}/secret")).body
    assert (shown["secret"], shown["previous"]) == (endpoint["secret"], [])
    bare = endpoint["secret"].encode()
    assert bare not in (await tenant("GET", path)).raw
    assert bare not in (await tenant("GET", "/v1/endpoints")).raw
    [message] = await world.messages(topics.SUBSCRIPTIONS, endpoint["id"])
    assert bare not in (message.value or b"")


async def test_a_rotated_secret_overlaps_with_the_old_one(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path = f"/v1/endpoints/{endpoint['id']}"
    rotated = (await tenant("POST", f"{path}/rotate-secret")).body
    assert rotated["secret"] != endpoint["secret"]
    assert [each["secret"] for each in rotated["previous"]] == [endpoint["secret"]]

    state = (await subscriptions(world, endpoint["id"]))[-1]
    assert state is not None
    assert opened(state) == [rotated["secret"], endpoint["secret"]]
    assert state.secret_expiries[0] == 0
    assert state.secret_expiries[1] == pytest.approx(time.time() + 86_400, abs=60)

    at_once = (await tenant("POST", f"{path}/rotate-secret", {"overlap_seconds": 0})).body
    assert at_once["previous"] == []
    assert (await tenant("GET", f"{path}/secret")).body == at_once


async def test_a_change_is_in_the_topic_and_null_means_none(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", {**RECEIVER, "rate_per_second": 5})
    path = f"/v1/endpoints/{endpoint['id']}"
    change = {"rate_per_second": None, "headers": {"X-A": "1"}, "event_types": ["*"], "enabled": False}
    told = await tenant("PATCH", path, change)
    assert {name: told.body[name] for name in change} == change
    assert (told.body["version"], told.body["url"]) == (2, RECEIVER["url"])
    state = (await subscriptions(world, endpoint["id"]))[-1]
    assert state is not None
    assert (state.rate_per_second, state.enabled, state.event_types, state.version) == (None, False, ["*"], 2)


async def test_a_deleted_endpoint_is_gone_and_its_tombstone_in_the_topic(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path = f"/v1/endpoints/{endpoint['id']}"
    assert (await tenant("DELETE", path)).status == 204
    assert {(await tenant("GET", path + more)).status for more in ("", "/secret", "/ledger")} == {404}
    assert (await subscriptions(world, endpoint["id"]))[-1] is None


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/hook",
        "ftp://receiver.example/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://2130706433/",
        "https://user:pass@receiver.example/",
        "https://receiver.example:22/",
        "https://",
        "receiver.example",
        "https://receiver.example/a b",
        "https://receiver.example/\r\nHost: inside",
    ],
)
async def test_an_address_that_leads_inwards_is_refused(tenant: Caller, url: str) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    for told in (
        await tenant("POST", "/v1/endpoints", {**RECEIVER, "url": url}),
        await tenant("PATCH", f"/v1/endpoints/{endpoint['id']}", {"url": url}),
    ):
        assert (told.status, told.body["code"], told.body["field"]) == (422, "url_not_allowed", "url")


async def test_no_form_of_an_address_that_leads_inwards_becomes_an_endpoints_url(tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path = f"/v1/endpoints/{endpoint['id']}"
    async with Receiver().serving() as receiver:
        for url in urls(receiver.port):
            for told in (
                await tenant("POST", "/v1/endpoints", {**RECEIVER, "url": url}),
                await tenant("PATCH", path, {"url": url}),
            ):
                assert told.status in (400, 422), (url, told.raw)
                assert "url" in (told.body.get("field") or told.body["detail"]), (url, told.raw)
        assert receiver.connections == 0
    assert (await tenant("GET", path)).body["url"] == RECEIVER["url"]
    assert len((await tenant("GET", "/v1/endpoints")).body["data"]) == 1


async def test_enabling_is_a_new_version_even_where_nothing_was_disabled_here(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    told = await tenant("POST", f"/v1/endpoints/{endpoint['id']}/enable")
    assert (told.body["enabled"], told.body["version"]) == (True, 2)
    assert [state.version for state in await subscriptions(world, endpoint["id"]) if state is not None] == [1, 2]


async def test_the_dispatchers_word_disables_an_endpoint_until_it_is_enabled(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path = f"/v1/endpoints/{endpoint['id']}"
    internal = f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint['id']}/disable"
    dispatcher = world.with_token(INTERNAL_TOKEN)

    late = await dispatcher("POST", internal, {"reason": "the receiver answered 410", "version": 7})
    assert late.status == 204
    assert (await tenant("GET", path)).body["enabled"] is True
    assert (await dispatcher("POST", internal, {"reason": "the receiver answered 410", "version": 1})).status == 204
    shown = (await tenant("GET", path)).body
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "the receiver answered 410")
    state = (await subscriptions(world, endpoint["id"]))[-1]
    assert state is not None
    assert state.enabled is False

    enabled = (await tenant("POST", f"{path}/enable")).body
    assert (enabled["enabled"], enabled["disabled_reason"]) == (True, None)
    nobody = await dispatcher("POST", internal.replace(endpoint["id"], "ep_gone"), {"reason": "r", "version": 1})
    assert nobody.status == 204
    assert (await tenant("POST", internal, {"reason": "r", "version": 1})).status == 403


async def test_an_endpoint_that_is_tried_from_time_to_time_may_ask_for_an_end_of_that(
    world: World, tenant: Caller
) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path = f"/v1/endpoints/{endpoint['id']}"
    internal = f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint['id']}/disable"
    dispatcher = world.with_token(INTERNAL_TOKEN)

    async def said(reason: str, version: int, *, probed: bool) -> tuple[bool, bool, str, int]:
        await dispatcher("POST", internal, {"reason": reason, "version": version, "probed": probed})
        shown = (await tenant("GET", path)).body
        return shown["enabled"], shown["probed"], shown["disabled_reason"], shown["version"]

    assert await said("nothing arrives", 1, probed=True) == (False, True, "nothing arrives", 2)
    assert await said("nothing arrives still", 2, probed=True) == (False, True, "nothing arrives", 2)
    assert await said("410", 1, probed=False) == (False, True, "nothing arrives", 2)
    assert await said("410", 2, probed=False) == (False, False, "410", 3)
    assert await said("410 again", 3, probed=False) == (False, False, "410", 3)
    state = (await subscriptions(world, endpoint["id"]))[-1]
    assert state is not None
    assert (state.enabled, state.probed) == (False, False)
    recovered = internal.replace("/disable", "/recovered")
    await dispatcher("POST", recovered, {"version": 3})
    assert (await tenant("GET", path)).body["enabled"] is False


async def test_what_the_owner_asks_reaches_the_dispatcher(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path, inside = f"/v1/endpoints/{endpoint['id']}", f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint['id']}"
    world.neighbours.tell("GET", f"{inside}/ledger", COUNTED)
    world.neighbours.tell("POST", f"{inside}/redeliver", REDELIVERY, 202)
    world.neighbours.tell("POST", f"{inside}/replay", {"replay_id": "rpl_1"}, 202)
    world.neighbours.tell("POST", f"{inside}/test", DELIVERY, 202)

    assert (await tenant("GET", f"{path}/ledger")).body == COUNTED
    told = await tenant("POST", f"{path}/redeliver")
    assert (told.body, told.headers["Location"]) == (REDELIVERY, f"{path}/redeliveries/rdl_1")
    replay: dict[str, Any] = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00+01:00"}
    assert (await tenant("POST", f"{path}/replay", replay)).body == {"replay_id": "rpl_1"}
    assert world.neighbours.last("POST", f"{inside}/replay")["event_types"] == []
    assert (await tenant("POST", f"{path}/test")).body == DELIVERY
    assert world.neighbours.last("POST", f"{inside}/test") == {"event_type": "endpoint.test", "data": None}


async def test_a_redelivery_is_chosen_and_followed(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    path, inside = f"/v1/endpoints/{endpoint['id']}", f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint['id']}"
    world.neighbours.tell("POST", f"{inside}/redeliver", REDELIVERY, 202)
    world.neighbours.tell("GET", f"{inside}/redeliveries/rdl_1", REDELIVERY)
    chosen = {"status": "delivered", "event_types": ["student.*"], "subject": "s", "since": "2026-01-01T00:00:00Z"}
    assert (await tenant("POST", f"{path}/redeliver", chosen)).status == 202
    assert world.neighbours.last("POST", f"{inside}/redeliver") == chosen | {"until": None}
    assert (await tenant("GET", f"{path}/redeliveries/rdl_1")).body == REDELIVERY
    assert (await tenant("GET", f"{path}/redeliveries/rdl_2")).status == 404


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"status": "pending"}, "status"),
        ({"event_types": ["student"], "since": "now"}, "since"),
        ({"event_types": ["a..x"]}, "event_types[0]"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "until"),
        ({"endpoint": "ep_other"}, "endpoint"),
    ],
)
async def test_a_redelivery_that_cannot_be_chosen_so_is_refused(
    tenant: Caller, chosen: dict[str, Any], field: str
) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    told = await tenant("POST", f"/v1/endpoints/{endpoint['id']}/redeliver", chosen)
    assert (told.status, told.body["field"]) == (422, field)


async def test_a_test_event_of_any_type_of_the_catalogue_carries_an_example(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    inside = f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint['id']}/test"
    world.neighbours.tell("POST", inside, DELIVERY, 202)
    path = f"/v1/endpoints/{endpoint['id']}/test"
    assert (await tenant("POST", path, {"event_type": "grade.created"})).status == 202
    asked = world.neighbours.last("POST", inside)
    EVENT_TYPES["grade.created"].data.model_validate(asked["data"])
    told = await tenant("POST", path, {"event_type": "grade.eaten"})
    assert (told.status, told.body["field"]) == (422, "event_type")


def _asked_of(world: World) -> Callable[[], Awaitable[list[str]]]:
    async def paths() -> list[str]:
        return [path for _, path, _ in world.neighbours.asked]

    return paths


async def test_a_new_endpoint_can_be_tested_before_the_dispatcher_has_heard_of_it(world: World, tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    testing = asyncio.create_task(tenant("POST", f"/v1/endpoints/{endpoint['id']}/test"))
    inside = f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint['id']}/test"
    await until(_asked_of(world), lambda paths: inside in paths)
    world.neighbours.tell("POST", inside, DELIVERY, 202)
    assert (await testing).status == 202


async def test_where_the_dispatcher_never_hears_of_it_the_caller_is_asked_to_come_back(tenant: Caller) -> None:
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    told = await tenant("POST", f"/v1/endpoints/{endpoint['id']}/test")
    assert (told.status, told.body["code"], told.headers["Retry-After"]) == (503, "not_in_force", "1")


async def test_a_tenant_has_no_more_endpoints_than_it_may_also_when_it_hurries(
    kafka_bootstrap: str, mongo_uri: str, database_name: str
) -> None:
    async with running(kafka_bootstrap, mongo_uri, database_name, endpoint_limit=3) as world:
        tenant, other = await world.tenant(), await world.tenant("Southbank")
        told = await asyncio.gather(*(tenant("POST", "/v1/endpoints", RECEIVER) for _ in range(8)))
        assert sorted(each.status for each in told) == [201] * 3 + [409] * 5
        assert {each.body["code"] for each in told if each.status == 409} == {"endpoint_limit"}
        assert (await other("POST", "/v1/endpoints", RECEIVER)).status == 201
        first = next(each.body["id"] for each in told if each.status == 201)
        await tenant("DELETE", f"/v1/endpoints/{first}")
        assert (await tenant("POST", "/v1/endpoints", RECEIVER)).status == 201
