"""Many inside ids at once, in the words of a connection's provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from edurelay.events.ids import internal_id, new_id
from integration.mapping.service import Service, running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(kafka_bootstrap: str, mongo_uri: str) -> AsyncIterator[Service]:
    async with running(kafka_bootstrap, mongo_uri, new_id("test")) as service:
        yield service


async def asked(service: Service, tenant: str, connection: str, *wanted: tuple[str, str]) -> list[str | None]:
    ids = [{"entity_type": kind, "internal_id": inside} for kind, inside in wanted]
    path = f"/internal/tenants/{tenant}/mappings/external-ids"
    status, body = await service.ask("POST", path, {"connection_id": connection, "ids": ids})
    assert status == 200, body
    found: list[str | None] = body["external_ids"]
    return found


async def test_each_id_is_answered_in_its_place(service: Service) -> None:
    tenant = new_id("t")
    known = [internal_id(tenant, "moodle", "student", each) for each in ("7", "8")]
    for external_id in ("7", "8"):
        body = {"connection_id": "moodle", "entity_type": "student", "external_id": external_id}
        assert (await service.ask("POST", f"/internal/tenants/{tenant}/mappings", body))[0] == 201
    wanted = [("student", known[1]), ("student", "unknown"), ("course", known[0]), ("student", known[0])]
    assert await asked(service, tenant, "moodle", *wanted) == ["8", None, None, "7"]
    assert await asked(service, tenant, "moodle") == []
    assert await asked(service, tenant, "crm", *wanted) == [None] * 4
    assert await asked(service, new_id("t"), "moodle", *wanted) == [None] * 4


async def test_another_system_may_know_our_id_by_its_own(service: Service) -> None:
    tenant = new_id("t")
    ours = internal_id(tenant, "moodle", "student", "7")
    body = {"connection_id": "crm", "entity_type": "student", "external_id": "C-1", "internal_id": ours}
    assert (await service.ask("POST", f"/internal/tenants/{tenant}/mappings", body))[0] == 201
    derived = internal_id(tenant, "crm", "student", "C-1")
    assert await asked(service, tenant, "crm", ("student", ours), ("student", derived)) == ["C-1", None]


@pytest.mark.parametrize(
    "body",
    [
        {"ids": []},
        {"connection_id": "a/b", "ids": []},
        {"connection_id": "c", "ids": [{"entity_type": "pupil", "internal_id": "1"}]},
        {"connection_id": "c", "ids": [{"entity_type": "student", "internal_id": ""}]},
        {"connection_id": "c", "ids": [{"entity_type": "student", "internal_id": "1"}] * 1001},
    ],
)
async def test_another_question_is_refused(service: Service, body: Any) -> None:
    status, problem = await service.ask("POST", "/internal/tenants/t/mappings/external-ids", body)
    assert (status, problem["code"]) == (422, "invalid_request")
