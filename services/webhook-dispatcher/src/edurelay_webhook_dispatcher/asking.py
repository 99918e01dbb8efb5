"""What the operations of the internal API have in common: where they are, and what is said of what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from edurelay.web.problems import Problem
from edurelay_webhook_dispatcher.endpoint import Endpoint
from edurelay_webhook_dispatcher.endpoints import Endpoints

TENANT: Final = "/internal/tenants/{tenant}"
ENDPOINT: Final = f"{TENANT}/endpoints/{{id}}"


def missing(kind: str) -> Problem:
    """Return what is said where there is no such thing, be it that it is another tenant's."""
    return Problem(404, "not_found", f"There is no such {kind}.")


def endpoint_at(path: Mapping[str, str], endpoints: Endpoints) -> Endpoint:
    """Return the endpoint that a path below `ENDPOINT` names. Raises a 404 `Problem`."""
    endpoint = endpoints.of_tenant(path["tenant"], path["id"])
    if endpoint is None:
        raise missing("endpoint")
    return endpoint


def milliseconds(moment: datetime) -> int:
    """Return a moment as the log counts time."""
    return int(moment.timestamp() * 1000)


def moment_of(moment: datetime | None) -> int | None:
    """Return a moment as the log counts time, if there is one."""
    return milliseconds(moment) if moment is not None else None
