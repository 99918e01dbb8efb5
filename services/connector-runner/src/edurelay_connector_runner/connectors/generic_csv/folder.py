"""The files of a stream: found by pattern, in the order of their names, and known again by their fingerprint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from edurelay_connector_runner.sdk import ConfigurationError, Files, Permanent, Transient

#: How much of a file's beginning goes into its fingerprint.
_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its name relative to the folder, where it really is, and how it looked when it was found."""

    name: str
    path: Path
    size: int
    modified_ns: int
    inode: int
    head: str

    def open(self) -> BinaryIO:
        """Open the file. Raises `Permanent` where it cannot be read, `Transient` where it is gone."""
        try:
            return self.path.open("rb")
        except FileNotFoundError as error:
            raise Transient(f"{self.name} has disappeared while its stream was read") from error
        except OSError as error:
            raise Permanent(f"{self.name} cannot be read: {error.strerror}") from error

    def ensure_unchanged(self, file: BinaryIO) -> None:
        """Raise `Transient` where the open `file` is no longer what was found, or no longer has this name. The
        next attempt notices it by the fingerprint, and starts the stream over."""
        opened = os.fstat(file.fileno())
        try:
            named = self.path.stat()
        except FileNotFoundError as error:
            raise Transient(f"{self.name} has disappeared while it was read") from error
        expected = (self.inode, self.size, self.modified_ns)
        if any((seen.st_ino, seen.st_size, seen.st_mtime_ns) != expected for seen in (opened, named)):
            raise Transient(f"{self.name} has changed while it was read; its stream starts over")


def open_folder(files: Files, path: str) -> Path:
    """Return a folder of the config. Raises `ConfigurationError` where there is none."""
    folder = files.resolve(path)
    if not folder.is_dir():
        raise ConfigurationError(f"{path} is no folder")
    return folder


def find(files: Files, folder: Path, pattern: str) -> list[Found]:
    """Return the files in `folder` that match, hidden ones left out. Each has to lie within the allowed roots,
    wherever a link may lead. Raises `Permanent` where one does not, or cannot be read."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern) if path.is_file())
    return [
        _look_at(name, _resolve(files, folder, name))
        for name in names
        if not any(part.startswith(".") for part in name.split("/"))
    ]


def fingerprint(found: Sequence[Found], layout: str) -> str:
    """Return a short digest of what is to be read, and how: the files with their sizes, times and beginnings, and
    the stream's layout. As long as it stays the same, a cursor means the same place."""
    digest = blake2b(layout.encode(), digest_size=16)
    for file in found:
        digest.update(f"\0{file.name}\0{file.size}\0{file.modified_ns}\0{file.head}".encode())
    return digest.hexdigest()


def _resolve(files: Files, folder: Path, name: str) -> Path:
    try:
        return files.resolve(str(folder / name))
    except ConfigurationError as error:
        raise Permanent(f"{name} cannot be read: {error}") from error


def _look_at(name: str, path: Path) -> Found:
    try:
        with path.open("rb") as file:
            head = blake2b(file.read(_HEAD_BYTES), digest_size=16).hexdigest()
            seen = os.fstat(file.fileno())
    except OSError as error:
        raise Permanent(f"{name} cannot be read: {error.strerror}") from error
    return Found(name, path, seen.st_size, seen.st_mtime_ns, seen.st_ino, head)
