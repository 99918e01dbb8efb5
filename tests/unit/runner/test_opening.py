"""A connector is opened with the files of its own tenant, and no others."""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from pathlib import Path

import pytest

from edurelay.messages.connections import Connection
from edurelay.security.sealing import Sealer
from edurelay_connector_runner.connectors.generic_csv import connector
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.opening import Opening
from edurelay_connector_runner.runs.decision import Patience
from edurelay_connector_runner.sdk import CheckReport
from edurelay_connector_runner.sdk.registry import Registry
from unit.generic_csv.connections import NoHttp


def connection(tenant: str, folder: Path) -> Connection:
    """Return one that reads a folder by a preset."""
    config = {"importPath": str(folder), "preset": "microsoft-sds-v1"}
    return Connection(id=f"of-{tenant}", tenant=tenant, provider="GENERIC_CSV", name="Files", config=config, version=1)


async def checked(opening: Opening, tenant: str) -> CheckReport:
    """Return what the test of a tenant's connection finds."""
    async with opening.open(tenant, f"of-{tenant}") as opened:
        return await opened.connector.check()


@pytest.fixture
def north(tmp_path: Path) -> Path:
    """The folder of the tenant in the north, with a file."""
    folder = tmp_path / "north"
    folder.mkdir()
    (folder / "School.csv").write_text("Secret of the north\n")
    return folder


async def test_another_tenants_folder_is_as_good_as_none(tmp_path: Path, north: Path) -> None:
    connections = {each.id: each for each in (connection("north", north), connection("south", north))}
    opening = Opening(
        connections,
        Registry({"GENERIC_CSV": connector}),
        Sealer.from_keys("k1:" + b64encode(bytes(32)).decode()),
        lambda *_: NoHttp(),
        partial(FileRoots.of, f"{tmp_path}/{{tenant}}"),
        Patience(),
    )
    own, foreign = await checked(opening, "north"), await checked(opening, "south")
    assert "Secret of the north" in str(own)
    assert "Secret" not in str(foreign)
    assert "outside" in str(foreign)
