"""What the runner tells its siblings over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

from edurelay.runtime.health import Readiness
from edurelay.web.application import build_application
from edurelay.web.auth import InternalOnly
from edurelay.web.server import serve
from edurelay_connector_runner.api import ProvidersApi
from edurelay_connector_runner.sdk.registry import Registry
from integration.runner.scripted import Scripted
from integration.runner.service import TOKEN


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """A sibling of a runner with one connector."""
    application = build_application(
        [ProvidersApi(Registry({"SCRIPTED": Scripted}))],
        authenticate=InternalOnly(SecretStr(TOKEN)),
        title="Runner",
        version="1",
        readiness=Readiness(),
    )
    async with (
        serve(application, "127.0.0.1", 0) as port,
        ClientSession(f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}) as session,
    ):
        yield session


async def test_the_manifests_of_all_connectors_are_listed(http: ClientSession) -> None:
    async with http.get("/internal/providers") as answer:
        assert answer.status == 200
        (manifest,) = (await answer.json())["data"]
    assert manifest["provider"] == "SCRIPTED"
    assert manifest["capabilities"] == ["fetch", "incremental", "push", "webhooks"]
    assert manifest["config_schema"]["properties"].keys() == {"school"}
    assert manifest["streams"] == []


async def validated(http: ClientSession, body: Any, provider: str = "SCRIPTED") -> tuple[int, Any]:
    """Ask whether a configuration fits."""
    async with http.post(f"/internal/providers/{provider}/validate", json=body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def test_a_configuration_that_fits_has_nothing_to_say(http: ClientSession) -> None:
    assert await validated(http, {"config": {"school": "a"}, "credentials": {"token": "x"}}) == (204, None)
    assert await validated(http, {}) == (204, None)


async def test_a_configuration_that_does_not_fit_is_told_field_by_field_without_its_values(
    http: ClientSession,
) -> None:
    status, problem = await validated(
        http, {"config": {"school": 7, "colour": "red"}, "credentials": {"token": ["top-secret"]}}
    )
    assert (status, problem["code"]) == (422, "invalid_configuration")
    assert {each["field"] for each in problem["errors"]} == {"config.school", "config.colour", "credentials.token"}
    assert "top-secret" not in str(problem)


async def test_an_unknown_provider_is_not_found(http: ClientSession) -> None:
    status, problem = await validated(http, {}, provider="NOWHERE")
    assert (status, problem["code"]) == (404, "unknown_provider")


async def test_nobody_but_a_sibling_is_told_anything(http: ClientSession) -> None:
    async with http.get("/internal/providers", headers={"Authorization": "Bearer guess"}) as answer:
        assert answer.status == 401
