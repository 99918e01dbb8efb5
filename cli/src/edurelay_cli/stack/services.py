"""The four services as child processes: what each is started with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from edurelay_cli.embedded.process import free_port

NAMES = ("mapping", "webhook-dispatcher", "connector-runner", "gateway")


@dataclass(frozen=True, slots=True)
class Service:
    """One service: the port is chosen once, so that a restarted process is found where it was. Of those that run more
    than once, `replica` counts from 1."""

    kind: str
    port: int
    replica: int = 1

    @property
    def name(self) -> str:
        """What its process is called."""
        return self.kind if self.replica == 1 else f"{self.kind}-{self.replica}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """The command that starts it."""
        return [sys.executable, "-m", f"edurelay_{self.kind.replace('-', '_')}"]


def declare(dispatchers: int = 1) -> dict[str, Service]:
    """Return the services by name, in the order in which they start."""
    copies = {"webhook-dispatcher": dispatchers}
    services = [Service(kind, free_port(), n + 1) for kind in NAMES for n in range(copies.get(kind, 1))]
    return {service.name: service for service in services}


def environment(service: Service, services: Mapping[str, Service], common: Mapping[str, str]) -> dict[str, str]:
    """Return a service's settings: the common ones, its port, and where its neighbours are."""
    return {
        **common,
        "EDURELAY_HTTP_PORT": str(service.port),
        "EDURELAY_INSTANCE": f"{service.kind}-{service.replica}",
        "EDURELAY_MAPPING_URL": services["mapping"].url,
        "EDURELAY_DISPATCHER_URL": services["webhook-dispatcher"].url,
        "EDURELAY_RUNNER_URL": services["connector-runner"].url,
        "EDURELAY_GATEWAY_URL": services["gateway"].url,
        "EDURELAY_PUBLIC_URL": services["gateway"].url,
    }
