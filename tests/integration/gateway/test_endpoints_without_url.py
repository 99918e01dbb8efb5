"""An endpoint without a URL takes nothing that says how to send, and stays what it is."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.events import topics
from edurelay.messages.subscriptions import Subscription
from integration.gateway.world import RECEIVER, Caller, World

READ = {"url": None, "event_types": ["student.*"]}

SENDING: dict[str, Any] = {
    "headers": {"X-Own": "1"},
    "auth": {"type": "bearer", "token": "t"},
    "retry_schedule": [1.0],
    "max_in_flight": 3,
    "rate_per_second": 5.0,
    "signature_profiles": ["hub256"],
    "signature_algorithms": ["v1a"],
    "order": {"then": "park"},
}


async def test_it_has_no_secret_and_the_dispatcher_hears_that_nothing_is_sent(world: World, tenant: Caller) -> None:
    made = await tenant.made("/v1/endpoints", {**READ, "fields": ["name"], "body_format": "cloudevents"})
    assert (made["url"], made["secret"], made["public_key"]) == (None, None, None)
    assert (await tenant("GET", f"/v1/endpoints/{made['id']}")).body["url"] is None
    (message,) = await world.messages(topics.SUBSCRIPTIONS, made["id"])
    told = Subscription.decode(message.value or b"")
    assert (told.url, told.secrets, told.fields) == (None, [], ["name"])
    for method, path in (("GET", "secret"), ("POST", "rotate-secret")):
        refused = await tenant(method, f"/v1/endpoints/{made['id']}/{path}")
        assert (refused.status, refused.body["code"]) == (409, "endpoint_without_url")


@pytest.mark.parametrize("name", SENDING)
async def test_what_says_how_to_send_is_refused_by_its_name(tenant: Caller, name: str) -> None:
    told = await tenant("POST", "/v1/endpoints", {**READ, name: SENDING[name]})
    assert (told.status, told.body["code"], told.body["field"]) == (422, "only_for_sending", name)
    made = await tenant.made("/v1/endpoints", READ)
    told = await tenant("PATCH", f"/v1/endpoints/{made['id']}", {name: SENDING[name]})
    assert (told.status, told.body["code"], told.body["field"]) == (422, "only_for_sending", name)
    assert (await tenant("GET", f"/v1/endpoints/{made['id']}")).body["version"] == 1


async def test_what_says_nothing_else_than_the_default_is_taken(tenant: Caller) -> None:
    defaults: dict[str, Any] = {"headers": {}, "auth": None, "max_in_flight": 10, "signature_profiles": ["standard"]}
    made = await tenant.made("/v1/endpoints", {**READ, **defaults})
    told = await tenant("PATCH", f"/v1/endpoints/{made['id']}", {**defaults, "url": None, "description": "x"})
    assert (told.status, told.body["description"]) == (200, "x")


async def test_one_kind_never_becomes_the_other(tenant: Caller) -> None:
    sent, read = await tenant.made("/v1/endpoints", RECEIVER), await tenant.made("/v1/endpoints", READ)
    for endpoint, url in ((sent, None), (read, RECEIVER["url"])):
        told = await tenant("PATCH", f"/v1/endpoints/{endpoint['id']}", {"url": url})
        assert (told.status, told.body["code"], told.body["field"]) == (422, "url_not_allowed", "url")
    missing = await tenant("POST", "/v1/endpoints", {"event_types": ["*"]})
    assert (missing.status, missing.body["field"]) == (422, "url")


async def test_a_commit_is_asked_of_the_dispatcher_and_repeated_with_its_key(world: World, tenant: Caller) -> None:
    endpoint = (await tenant.made("/v1/endpoints", READ))["id"]
    inside = f"/internal/tenants/{tenant.tenant}/endpoints/{endpoint}/events/commit"
    world.neighbours.tell("POST", inside, {"committed": 5, "before": 2})
    path = f"/v1/endpoints/{endpoint}/events/commit"
    for _ in range(2):
        told = await tenant("POST", path, {"after": 5}, headers={"Idempotency-Key": f"k-{endpoint}"})
        assert (told.status, told.body) == (200, {"committed": 5, "before": 2})
    assert [body for _, asked, body in world.neighbours.asked if asked == inside] == [{"after": 5}]
    for wrong in (-1, 2**53 + 1, "x", None, 1.5):
        told = await tenant("POST", path, {"after": wrong})
        assert (told.status, told.body["field"]) == (422, "after"), wrong
