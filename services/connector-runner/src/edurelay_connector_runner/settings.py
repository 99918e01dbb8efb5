"""What the connector-runner has to be told, beside what every service is."""

from __future__ import annotations

from pydantic import Field

from edurelay.runtime.settings import ServiceSettings


class RunnerSettings(ServiceSettings):
    """`file_roots` are the folders that connectors may use, separated as in `PATH`; none without it. `{tenant}` in a
    folder's name stands for the id of the tenant whose it is, as in `/data/{tenant}`; a folder without it is shared by
    all tenants, each of which may then read and write the files of the others there.

    A runner that dies is followed by another after `lease_seconds`; `workers` connections are worked on at once. A
    provider that fails in passing is tried again after `retry_seconds`, doubled each time.
    """

    http_port: int = 8082
    mongo_database: str = "edurelay_connector_runner"
    mapping_url: str
    file_roots: str = ""
    workers: int = Field(default=4, ge=1)
    lease_seconds: float = Field(default=10.0, gt=0)
    retry_seconds: float = Field(default=1.0, gt=0)
