"""The reference pages that are tables of what the code declares."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from edurelay.events import topics
from edurelay.events.catalogue import EVENT_TYPES
from edurelay.runtime.metrics import markdown_table
from edurelay.runtime.settings import PREFIX, ServiceSettings
from edurelay_cli.contracts.text import NOTICE, table
from edurelay_connector_runner.settings import RunnerSettings
from edurelay_gateway.settings import GatewaySettings
from edurelay_mapping.settings import MappingSettings
from edurelay_webhook_dispatcher.settings import DispatcherSettings

SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "gateway": GatewaySettings,
    "connector-runner": RunnerSettings,
    "mapping": MappingSettings,
    "webhook-dispatcher": DispatcherSettings,
}
DAY = 86_400_000


def events_page() -> str:
    """Every event type."""
    rows = [
        (f"[`{name}`](../../contracts/events/{name}.json)", each.summary, f"`{each.source}`")
        for name, each in sorted(EVENT_TYPES.items())
    ]
    head = "# Event types\n\nEach links to the JSON Schema of its data. Patterns such as `student.*` subscribe.\n\n"
    return NOTICE + head + table(("type", "when", "named by"), rows)


def topics_page() -> str:
    """Every topic."""
    rows = [
        (
            f"`{topic.name}`",
            topic.key,
            str(topic.partitions),
            topic.cleanup.value,
            f"{topic.retention // DAY} days" if topic.retention else "for good",
            topic.content,
        )
        for topic in topics.ALL
    ]
    head = "# Topics\n\n`edurelay topics apply` creates them; each service verifies them at its start.\n\n"
    return NOTICE + head + table(("topic", "key", "partitions", "cleanup", "kept", "content"), rows)


def metrics_page() -> str:
    """Every metric."""
    return NOTICE + "# Metrics\n\nEvery service shows its own at `/metrics`.\n\n" + markdown_table()


def settings_page() -> str:
    """Every setting of every service, those that all have first."""
    common = ServiceSettings.model_fields
    parts = [_settings("Every service", ServiceSettings, skip=())]
    for name, kind in SETTINGS.items():
        parts.append(_settings(name, kind, skip=tuple(common)))
    head = (
        "# Settings\n\nThey come only from the environment, are checked at the start, and are shown there with every "
        "secret masked.\n\n"
    )
    return NOTICE + head + "\n".join(parts)


def _settings(title: str, kind: type[ServiceSettings], skip: tuple[str, ...]) -> str:
    rows = [
        (
            f"`{PREFIX}{name.upper()}`",
            "required" if field.is_required() else f"`{field.get_default()}`" if field.get_default() != "" else "empty",
        )
        for name, field in kind.model_fields.items()
        if name not in skip
    ]
    return f"## {title}\n\n{inspect.getdoc(kind)}\n\n" + table(("variable", "default"), rows)


def files() -> Mapping[str, str]:
    """One file a page."""
    return {
        "docs/reference/events.md": events_page(),
        "docs/reference/topics.md": topics_page(),
        "docs/reference/metrics.md": metrics_page(),
        "docs/reference/settings.md": settings_page(),
    }
