"""The mapping service's own settings, beside those of every service."""

from __future__ import annotations

from edurelay.runtime.settings import ServiceSettings


class MappingSettings(ServiceSettings):
    """`mongo_database` is the database that this service alone uses."""

    mongo_database: str = "edurelay_mapping"
