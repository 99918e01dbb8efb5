"""Whose a listener's endpoint is: its description names the machine and the process, so that the next listener of the
same machine knows what a killed one left behind."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import psutil

_FORM = re.compile(r"a listener, until it ends \(edurelay listen: machine ([0-9a-f]{12}), process (\d+), since (\d+)\)")


@dataclass(frozen=True, slots=True)
class Mark:
    """A process: the machine that it runs on, its number, and the Unix second of its start."""

    machine: str
    pid: int
    since: int

    @classmethod
    def own(cls) -> Mark:
        """Return the mark of this process."""
        process = psutil.Process()
        return cls(_machine(), process.pid, int(process.create_time()))

    @classmethod
    def read(cls, description: str) -> Mark | None:
        """Return the mark in an endpoint's description, if that was made by a listener."""
        found = _FORM.fullmatch(description)
        return cls(found[1], int(found[2]), int(found[3])) if found else None

    @property
    def description(self) -> str:
        """The description that holds this mark."""
        return (
            f"a listener, until it ends (edurelay listen: machine {self.machine}, process {self.pid}, "
            f"since {self.since})"
        )

    def left_behind(self) -> bool:
        """Tell whether this was a process of this machine that is no more."""
        if self.machine != _machine():
            return False
        try:
            return abs(psutil.Process(self.pid).create_time() - self.since) > 2
        except psutil.NoSuchProcess:
            return True


def _machine() -> str:
    """Return what this machine is called; containers on it, whose processes are numbered anew, are others."""
    parts = [socket.gethostname(), str(os.getuid())]
    for path in (Path("/etc/machine-id"), Path("/proc/self/ns/pid")):
        try:
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text())
        except OSError:
            parts.append("")
    return blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()
