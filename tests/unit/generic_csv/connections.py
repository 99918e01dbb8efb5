"""Connections to folders, for the tests of this connector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edurelay_connector_runner.connectors.generic_csv import connector
from edurelay_connector_runner.files import FileRoots
from edurelay_connector_runner.sdk import Connector, Context, Files, HttpAnswer


class NoHttp:
    """A way out that this connector must never take."""

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
        """Fail."""
        raise AssertionError(f"{method} {url}")

    @classmethod
    def context(cls, config: Mapping[str, Any], credentials: Mapping[str, Any], files: Files) -> Context:
        """Return a context without HTTP."""
        return Context(config, credentials, cls(), files)


def open_connector(folder: Path, files: Files | None = None, **config: Any) -> Connector:
    """Return a connector that reads `folder`, and writes to it if `exportPath` says so."""
    context = NoHttp.context({"importPath": str(folder), **config}, {}, files or FileRoots([folder]))
    return connector(context)
