"""Outbound HTTP for connectors: guarded against inside addresses, paced by the manifest, bounded in time and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A provider's answer, whole: `headers` in lower case, `body` at most as long as was allowed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient(Protocol):
    """The only way in which a connector speaks HTTP. It follows no redirect and keeps no cookie."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        timeout: float = 30.0,
        max_bytes: int = 64 * 1024 * 1024,
    ) -> HttpAnswer:
        """Send one request. Raises `ConfigurationError` for an address that may not be reached, `Transient` where
        no whole answer came within `timeout` seconds and `max_bytes` bytes."""
