"""The reference pages that are tables of what the code declares."""

from __future__ import annotations

from collections.abc import Mapping

from edurelay.events import topics
from edurelay.events.catalogue import EVENT_TYPES
from edurelay.runtime.metrics import markdown_table
from edurelay_cli.contracts.text import NOTICE, table

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


def files() -> Mapping[str, str]:
    """One file a page."""
    return {
        "docs/reference/events.md": events_page(),
        "docs/reference/topics.md": topics_page(),
        "docs/reference/metrics.md": metrics_page(),
    }
