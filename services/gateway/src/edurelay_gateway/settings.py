"""What the gateway has to be told, beside what every service is told."""

from __future__ import annotations

from pydantic import Field, SecretStr

from edurelay.runtime.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """`public_url` is where the world reaches the gateway: webhook addresses begin with it, as they are
    shown and as providers that sign the address know them.

    `require_https` refuses endpoints on plain HTTP, but for hosts that `egress_allow` lists. `endpoint_limit` is how
    many endpoints a tenant may have, `streams_per_tenant` how many streams of server-sent events it may read at a time,
    and `streams` how many all of them together may. `publish_in_flight` messages and `publish_bytes` may wait for Kafka
    at a time; what comes beyond is answered 503 at once. `publish_seconds` is how long one waits, and `sweep_seconds`
    how often changes that did not reach Kafka are looked for.
    """

    admin_token: SecretStr
    mapping_url: str
    dispatcher_url: str
    runner_url: str
    public_url: str = ""
    mongo_database: str = "edurelay_gateway"
    require_https: bool = True
    endpoint_limit: int = Field(default=100, ge=1)
    streams_per_tenant: int = Field(default=20, ge=1)
    streams: int = Field(default=500, ge=1)
    publish_in_flight: int = Field(default=1000, ge=1)
    publish_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024)
    publish_seconds: float = Field(default=10.0, gt=0)
    sweep_seconds: float = Field(default=3.0, gt=0)
