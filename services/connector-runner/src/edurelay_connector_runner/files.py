"""The part of the file system that connectors may see: what lies under the roots of `EDURELAY_FILE_ROOTS`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edurelay_connector_runner.sdk import ConfigurationError


class FileRoots:
    """Resolves the paths of connections. Without a root there is no access to files at all."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(Path(os.path.realpath(root)) for root in roots)

    @classmethod
    def from_setting(cls, text: str) -> FileRoots:
        """Read a list of folders, separated as in `PATH`."""
        return cls([Path(part) for part in text.split(os.pathsep) if part])

    def resolve(self, path: str) -> Path:
        """Return `path` with its links followed; a relative one starts at the first root. What it names need not
        exist. Raises `ConfigurationError` where it is, or leads, outside of every root."""
        if not self._roots:
            raise ConfigurationError("this installation gives connectors no access to files (EDURELAY_FILE_ROOTS)")
        if not path or "\x00" in path:
            raise ConfigurationError("the path is empty or holds a NUL")
        if ".." in Path(path).parts:
            raise ConfigurationError(f"the path {path} must not contain '..'")
        resolved = Path(os.path.realpath(self._roots[0] / path))
        if not any(resolved.is_relative_to(root) for root in self._roots):
            raise ConfigurationError(f"the path {path} is outside of the folders that connectors may use")
        return resolved
