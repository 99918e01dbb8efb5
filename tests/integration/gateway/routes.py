"""Every route of the gateway, read from its own OpenAPI document: a new one is covered by being there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edurelay.messages.runs import RunStatus
from edurelay_gateway.contract import document
from integration.gateway.world import MOODLE, RECEIVER, Caller, World

#: A body that is right, for each operation that takes one.
BODIES: dict[str, Any] = {
    "publish": {"type": "a.b", "data": {}},
    "create_endpoint": RECEIVER,
    "change_endpoint": {"description": "x"},
    "rotate_secret": {"overlap_seconds": 60},
    "commit_stream": {"after": 0},
    "test_endpoint": {"event_type": "student.created"},
    "redeliver_chosen": {"status": "delivered"},
    "replay": {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
    "create_connection": MOODLE,
    "change_connection": {"name": "x"},
    "rotate_webhook_secret": {"secret": "slack-secret-2"},
    "rotate_webhook_address": {"overlap_seconds": 60},
    "start_run": {"full": True},
    "create_tenant": {"name": "x"},
    "create_key": {"name": "x"},
    "disable_gone": {"reason": "r", "version": 1},
    "enable_recovered": {"version": 1},
    "note_condition_failures": {"condition": "true", "count": 1, "at": "t", "reason": "r", "event_id": "evt_1"},
    "try_condition": {"condition": "type == 'a.b'", "example": {"type": "a.b", "data": {}}},
    "integrations_create_integration": {"institutionId": "", "provider": "MOODLE", "config": MOODLE["config"]},
    "integrations_update_integration": {"status": "ACTIVE"},
    "integrations_sync_integration": {"entityType": "STUDENT"},
    "integrations_send_attendance": {"sessionId": "s"},
}

DELIVERY = {
    "id": "dlv_1",
    "event_id": "evt_1",
    "event_type": "a.b",
    "endpoint_id": "ep_1",
    "status": "pending",
    "attempts": 0,
    "created_at": "t",
    "updated_at": "t",
}
REDELIVERY = {"redelivery_id": "rdl_1", "asked_at": "t", "completed": True, "redelivered": 2, "skipped": 0}
ENTITY = {
    "id": "0d9c3a52-0000-8000-8000-000000000001",
    "type": "student",
    "connection_id": "c",
    "external_id": "7",
    "version": 1,
    "attributes": {"name": "Ada"},
    "created_at": "t",
    "updated_at": "t",
}


@dataclass(frozen=True)
class Route:
    """One operation."""

    id: str
    method: str
    path: str
    auth: str | None
    takes_json: bool
    body_required: bool
    query: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    def at(self, ids: dict[str, str]) -> str:
        """The path with these ids; `{id}` is a connection's, as the face names it."""
        return re.sub(r"{(\w+)}", lambda found: ids[found.group(1)], self.path)

    @property
    def body(self) -> Any:
        """A right body."""
        return BODIES[self.id] if self.takes_json else None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def all_routes() -> list[Route]:
    """Return every route."""
    found = []
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            schemes = [name for scheme in operation.get("security", []) for name in scheme]
            parameters = [each for each in operation.get("parameters", []) if each.get("in") == "query"]
            found.append(
                Route(
                    operation["operationId"],
                    method.upper(),
                    path,
                    schemes[0] if schemes else None,
                    "application/json" in content,
                    operation.get("requestBody", {}).get("required", False),
                    tuple(each["name"] for each in parameters),
                )
            )
    return found


def tenant_routes() -> list[Route]:
    """Return the routes of tenants."""
    return [route for route in all_routes() if route.auth == "tenantKey"]


MISSING = {
    "endpoint_id": "ep_00000000000000000000000000000000",
    "connection_id": "00000000-0000-4000-8000-000000000000",
    "id": "00000000-0000-4000-8000-000000000000",
    "run_id": "run_00000000000000000000000000000000",
    "event_id": "evt_00000000000000000000000000000000",
    "delivery_id": "dlv_00000000000000000000000000000000",
    "redelivery_id": "rdl_000000000000000000000000",
    "entity_id": "00000000-0000-8000-8000-000000000000",
    "tenant_id": "00000000-0000-4000-8000-000000000000",
    "key_id": "00000000",
    "secret": "none",
    "type": "student",
}


async def furnish(world: World, tenant: Caller) -> dict[str, str]:
    """Give a tenant one of everything, here and at the neighbours; return the ids by the names in paths."""
    endpoint = await tenant.made("/v1/endpoints", RECEIVER)
    webhook = {"profile": "slack", "secrets": ["slack-secret-1"]}
    connection = await tenant.made("/v1/connections", {**MOODLE, "webhook": webhook})
    run = await tenant.made(f"/v1/connections/{connection['id']}/runs", {})
    await world.report(tenant.tenant, connection["id"], run["id"], RunStatus.RUNNING)
    inside = f"/internal/tenants/{tenant.tenant}"
    tell = world.neighbours.tell
    event = {"id": "evt_1", "type": "a.b", "time": "t", "source": "s", "data": {}, "deliveries": []}
    tell("GET", f"{inside}/events/evt_1", event)
    tell("GET", f"{inside}/deliveries/dlv_1", DELIVERY)
    tell("GET", f"{inside}/deliveries/dlv_1/attempts", {"data": []})
    tell("POST", f"{inside}/deliveries/dlv_1/redeliver", DELIVERY, 202)
    tell("GET", f"{inside}/entities/student/{ENTITY['id']}", ENTITY)
    at_endpoint = f"{inside}/endpoints/{endpoint['id']}"
    tell("GET", f"{at_endpoint}/ledger", {"matched": 0, "delivered": 0, "pending": 0, "dead_lettered": 0})
    tell("POST", f"{at_endpoint}/redeliver", REDELIVERY, 202)
    tell("GET", f"{at_endpoint}/redeliveries/rdl_1", REDELIVERY)
    tell("POST", f"{at_endpoint}/events/commit", {"committed": 0, "before": 0})
    tell("POST", f"{at_endpoint}/replay", {"replay_id": "r"}, 202)
    tell("POST", f"{at_endpoint}/test", DELIVERY, 202)
    return {
        "endpoint_id": endpoint["id"],
        "connection_id": connection["id"],
        "id": connection["id"],
        "run_id": run["id"],
        "event_id": "evt_1",
        "delivery_id": "dlv_1",
        "redelivery_id": "rdl_1",
        "entity_id": str(ENTITY["id"]),
        "type": "student",
    }
