"""The manifest of each connector that is installed here, as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping

from edurelay_cli.contracts.text import json_text
from edurelay_connector_runner.sdk.manifest import Manifest
from edurelay_connector_runner.sdk.registry import Registry


def text_of(manifest: Manifest) -> str:
    """Return a manifest as JSON; a set has no order of its own, so it gets one."""
    shown = manifest.model_dump(mode="json")
    shown["capabilities"] = sorted(shown["capabilities"])
    return json_text(shown)


def files() -> Mapping[str, str]:
    """One file a provider. Raises `RuntimeError` for a connector that cannot be loaded."""
    registry = Registry.discover()
    if registry.broken:
        raise RuntimeError(f"connectors that cannot be loaded: {dict(registry.broken)}")
    return {f"contracts/connectors/{each.provider}.json": text_of(each) for each in registry.manifests()}
