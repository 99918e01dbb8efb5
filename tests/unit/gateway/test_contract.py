"""What holds for every operation of the gateway, whoever adds one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edurelay.web.operation import Operation, operations_of
from edurelay_gateway import errors
from edurelay_gateway.contract import APIS, document
from edurelay_gateway.errors import Refusal
from edurelay_gateway.faces.integrations.api import IntegrationApi
from edurelay_gateway.problems import PROBLEMS, STATUS

#: An inbound webhook carries its own id, and the dispatcher's word may come twice.
WITHOUT_KEY = {"take_webhook", "disable_gone", "enable_recovered"}


def operations() -> Iterator[Operation]:
    for api in (*APIS, IntegrationApi):
        for operation, _ in operations_of(api):
            yield operation


@pytest.mark.parametrize("operation", list(operations()), ids=lambda operation: operation.id)
def test_every_post_honours_an_idempotency_key(operation: Operation) -> None:
    assert operation.idempotent == (operation.method == "POST" and operation.id not in WITHOUT_KEY)


def test_only_an_inbound_webhook_and_a_look_at_public_keys_need_no_key() -> None:
    assert [operation.id for operation in operations() if operation.auth == "none"] == [
        "get_public_keys",
        "take_webhook",
    ]


def test_every_refusal_has_a_status() -> None:
    refusals = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)}
    assert refusals - {Refusal} == set(STATUS)
    assert set(STATUS) <= set(PROBLEMS)


def test_every_refusal_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in STATUS]
    assert len(set(codes)) == len(codes)


def test_the_document_names_every_route_of_the_design() -> None:
    paths = document()["paths"]
    for path in (
        "/v1/events", "/v1/endpoints/{endpoint_id}/rotate-secret", "/v1/endpoints/{endpoint_id}/ledger",
        "/v1/deliveries/{delivery_id}/attempts", "/v1/connections/{connection_id}/runs", "/v1/runs/{run_id}/cancel",
        "/v1/runs/{run_id}/rejected", "/v1/mappings", "/v1/entities/{type}/{entity_id}", "/v1/providers",
        "/in/{connection_id}/{secret}", "/integrations", "/integrations/{id}/sync", "/integrations/{id}/logs",
    ):  # fmt: skip
        assert path in paths
