"""Where the API is and who calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edurelay_client import Access, NotConfigured

STACK = {
    "gateway_url": "http://127.0.0.1:1",
    "tenants": [{"id": "t1", "name": "North", "api_key": "k1"}, {"id": "t2", "name": "South", "api_key": "k2"}],
}
HERE = {"EDURELAY_URL": "https://e.example", "EDURELAY_API_KEY": "ke"}


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "stack.json").write_text(json.dumps(STACK))
    return tmp_path


def test_what_is_given_comes_before_the_environment_and_that_before_the_stack(stack: Path) -> None:
    find = Access.find
    assert find("https://g.example", "kg", folder=stack, environment=HERE) == Access("https://g.example", "kg")
    assert find(folder=stack, environment=HERE) == Access("https://e.example", "ke")
    assert find(folder=stack, environment={}) == Access("http://127.0.0.1:1", "k1")
    assert find(folder=stack, environment={"EDURELAY_API_KEY": "ke"}) == Access("http://127.0.0.1:1", "ke")


@pytest.mark.parametrize("tenant", ["South", "t2"])
def test_a_tenant_of_the_stack_can_be_named(stack: Path, tenant: str) -> None:
    assert Access.find(tenant=tenant, folder=stack, environment={"EDURELAY_API_KEY": "ke"}).api_key == "k2"


def test_the_stacks_key_goes_to_the_stack_alone(stack: Path) -> None:
    with pytest.raises(NotConfigured, match="EDURELAY_API_KEY"):
        Access.find("https://elsewhere.example", folder=stack, environment={})
    assert Access.find("http://127.0.0.1:1/", folder=stack, environment={}).api_key == "k1"


def test_where_nothing_is_known_it_says_what_to_do(tmp_path: Path, stack: Path) -> None:
    with pytest.raises(NotConfigured, match="edurelay up"):
        Access.find(folder=tmp_path / "nothing", environment={})
    with pytest.raises(NotConfigured, match="North, South"):
        Access.find(tenant="East", folder=stack, environment={})
    (stack / "stack.json").write_text("{")
    with pytest.raises(NotConfigured, match="cannot be read"):
        Access.find(folder=stack, environment={})
