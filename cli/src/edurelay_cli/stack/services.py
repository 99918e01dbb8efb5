"""The four services as child processes: what each is started with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from edurelay_cli.embedded.process import free_port

NAMES = ("mapping", "webhook-dispatcher", "connector-runner", "gateway")


@dataclass(frozen=True, slots=True)
class Service:
    """One service: the port is chosen once, so that a restarted process is found where it was."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """The command that starts it."""
        return [sys.executable, "-m", f"edurelay_{self.name.replace('-', '_')}"]


def declare() -> dict[str, Service]:
    """Return the services in the order in which they start."""
    return {name: Service(name, free_port()) for name in NAMES}


def environment(service: Service, services: Mapping[str, Service], common: Mapping[str, str]) -> dict[str, str]:
    """Return a service's settings: the common ones, its port, and where its neighbours are."""
    return {
        **common,
        "EDURELAY_HTTP_PORT": str(service.port),
        "EDURELAY_INSTANCE": f"{service.name}-1",
        "EDURELAY_MAPPING_URL": services["mapping"].url,
        "EDURELAY_DISPATCHER_URL": services["webhook-dispatcher"].url,
        "EDURELAY_RUNNER_URL": services["connector-runner"].url,
        "EDURELAY_GATEWAY_URL": services["gateway"].url,
        "EDURELAY_PUBLIC_URL": services["gateway"].url,
    }
