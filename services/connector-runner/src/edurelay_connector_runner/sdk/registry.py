"""Which connectors there are: whatever is installed under the entry-point group `edurelay.connectors`.

An entry's name is the provider by which connections name it, its value the `Connector` class. A connector that
cannot be loaded is kept as broken with its reason, and harms no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from edurelay_connector_runner.sdk.connector import Connector
from edurelay_connector_runner.sdk.errors import ConfigurationError
from edurelay_connector_runner.sdk.manifest import Manifest

GROUP = "edurelay.connectors"


@dataclass(frozen=True, slots=True)
class Registry:
    """The connectors by provider. `broken` says of each that could not be loaded why."""

    connectors: Mapping[str, type[Connector]]
    broken: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def discover(cls) -> Registry:
        """Load every installed connector."""
        return cls.load(entry_points(group=GROUP))

    @classmethod
    def load(cls, entries: Iterable[EntryPoint]) -> Registry:
        """Load the connectors behind `entries`."""
        connectors: dict[str, type[Connector]] = {}
        broken: dict[str, str] = {}
        for entry in entries:
            # Importing foreign code may raise anything; its neighbours have to go on.
            try:
                connectors[entry.name] = _checked(entry)
            except Exception as error:
                broken[entry.name] = f"{type(error).__name__}: {error}"
        return cls(connectors, broken)

    def connector(self, provider: str) -> type[Connector]:
        """Return the connector of a provider. Raises `ConfigurationError` where there is none."""
        try:
            return self.connectors[provider]
        except KeyError:
            known = ", ".join(sorted(self.connectors))
            raise ConfigurationError(f"there is no connector for {provider}; there are: {known}") from None

    def manifests(self) -> list[Manifest]:
        """Return what the connectors say of themselves, ordered by provider."""
        return [self.connectors[provider].manifest for provider in sorted(self.connectors)]


def _checked(entry: EntryPoint) -> type[Connector]:
    """Load one entry, and hold it against what its name and its manifest promise."""
    connector = entry.load()
    if not (isinstance(connector, type) and issubclass(connector, Connector)):
        raise TypeError(f"{entry.value} is no Connector class")
    if connector.manifest.provider != entry.name:
        raise ValueError(f"its manifest calls it {connector.manifest.provider}")
    return connector
