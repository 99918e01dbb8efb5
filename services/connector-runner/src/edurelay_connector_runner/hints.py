"""What a webhook tells, taken for as much as its sender has proven.

One that was verified may bring records. One that was not is a hint: its records only name what has changed, and the
provider is asked for it. Whoever comes to know a connection's address can make us look, and can invent nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from edurelay_connector_runner.sdk import BadRecord, Capability, Change, ConfigurationError, Connector


def as_hints(connector: Connector, changes: Sequence[Change]) -> list[Change]:
    """Return changes that name by their keys what they held as records. Raises `ConfigurationError` where the provider
    cannot be asked for them."""
    if any(change.records for change in changes) and Capability.FETCH not in connector.manifest.capabilities:
        raise ConfigurationError(
            "the webhook holds records and was not verified; set the connection's `webhook`, and let it be sent again"
        )
    return [replace(each, keys=[*each.keys, *_named(connector, each)], records=()) for each in changes]


def _named(connector: Connector, change: Change) -> Iterator[str]:
    for record in change.records:
        try:
            yield connector.convert(change.stream, record.raw)[0]
        except BadRecord:
            continue  # It names nothing that could be asked for.
