"""The part of the file system that a tenant's connectors may see: what lies under the roots of `EDURELAY_FILE_ROOTS`.

A root with `{tenant}` in it is another folder for each tenant; one without is shared by all of them, each of which may
then read and write what the others have there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from edurelay_connector_runner.sdk import ConfigurationError

#: What stands for the tenant's id in a root, and what an id has to look like to be a part of a path.
TENANT = "{tenant}"
_ID = re.compile(r"[A-Za-z0-9_-]+")


class FileRoots:
    """Resolves the paths of one tenant's connections. Without a root there is no access to files at all."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(Path(os.path.realpath(root)) for root in roots)

    @classmethod
    def of(cls, setting: str, tenant: str) -> FileRoots:
        """Return a tenant's roots; `setting` is a list of folders, separated as in `PATH`. Raises
        `ConfigurationError`."""
        if TENANT in setting and not _ID.fullmatch(tenant):
            raise ConfigurationError("the tenant's id cannot name a folder")
        return cls([Path(part.replace(TENANT, tenant)) for part in setting.split(os.pathsep) if part])

    def resolve(self, path: str) -> Path:
        """Return `path` with its links followed; a relative one starts at the first root. What it names need not
        exist. Raises `ConfigurationError` where it is, or leads, outside of every root, or to something hidden there:
        such folders hold the secrets of programs."""
        if not self._roots:
            raise ConfigurationError("this installation gives connectors no access to files (EDURELAY_FILE_ROOTS)")
        if not path or "\x00" in path:
            raise ConfigurationError("the path is empty or holds a NUL")
        if ".." in Path(path).parts:
            raise ConfigurationError(f"the path {path} must not contain '..'")
        resolved = Path(os.path.realpath(self._roots[0] / path))
        within = [resolved.relative_to(root) for root in self._roots if resolved.is_relative_to(root)]
        if not within:
            raise ConfigurationError(f"the path {path} is outside of the folders that connectors may use")
        if all(any(part.startswith(".") for part in each.parts) for each in within):
            raise ConfigurationError(f"the path {path} is hidden, and connectors use no hidden files")
        return resolved
