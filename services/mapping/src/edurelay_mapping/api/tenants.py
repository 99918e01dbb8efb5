"""From the tenant in the path to what that tenant may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import StringConstraints

from edurelay.model import EntityType
from edurelay.mongo import Database
from edurelay.web.problems import Problem
from edurelay_mapping.connections import Connections
from edurelay_mapping.repository import Repository

ROOT = "/internal/tenants/{tenant}"

#: An id of ours: never a separator of keys.
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^/\x00-\x1f]+$")]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]


def missing() -> Problem:
    """Return what is answered for everything that there is not, or that is another tenant's."""
    return Problem(404, "not_found", "There is no such thing.")


def entity_type(path: Mapping[str, str]) -> EntityType:
    """Return the kind of entity that the path names."""
    try:
        return EntityType(path["type"])
    except ValueError:
        raise missing() from None


class Tenants:
    """Makes repositories."""

    def __init__(self, database: Database, connections: Connections) -> None:
        self._database = database
        self._connections = connections

    def repository(self, path: Mapping[str, str]) -> Repository:
        """Return the repository of the tenant that the path names."""
        if "/" in path["tenant"]:
            raise missing()
        return Repository(self._database, self._connections, path["tenant"])
