"""What a stack leaves on disk: its secrets, kept from run to run, and the description of the one that runs."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class AlreadyRunning(RuntimeError):
    """Another stack runs in the same folder."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """The stack's own secrets. They outlive it, since what they sealed outlives it too."""

    admin_token: str
    internal_token: str
    seal_keys: str


def write_private(path: Path, content: Any) -> None:
    """Write JSON to a file that only its owner may read, at once and whole."""
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    temporary.replace(path)


class StackFolder:
    """The folder of one stack, `.edurelay` by default."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.stack_file = self.path / "stack.json"
        self.data = self.path / "data"
        self.logs = self.path / "logs"
        self.jars = self.path / "jars"

    def secrets(self) -> Secrets:
        """Return the secrets of this folder, made at the first call."""
        path = self.path / "secrets.json"
        if not path.exists():
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            write_private(
                path,
                {
                    "admin_token": secrets.token_urlsafe(32),
                    "internal_token": secrets.token_urlsafe(32),
                    "seal_keys": f"local1:{key}",
                },
            )
        return Secrets(**json.loads(path.read_text()))

    def tenants(self) -> list[dict[str, str]]:
        """Return the tenants that an earlier start made, with their keys."""
        path = self.path / "tenants.json"
        return list(json.loads(path.read_text())) if path.exists() else []

    def keep_tenants(self, tenants: list[dict[str, str]]) -> None:
        """Remember the tenants and their keys."""
        write_private(self.path / "tenants.json", tenants)

    def describe(self, description: dict[str, Any]) -> None:
        """Write `stack.json`."""
        write_private(self.stack_file, description)

    def description(self) -> dict[str, Any] | None:
        """Return what `stack.json` says, or None where there is none."""
        try:
            return dict(json.loads(self.stack_file.read_text()))
        except FileNotFoundError:
            return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder, so that no second stack starts in it. Raises `AlreadyRunning`."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found = self.description()
                where = f"its gateway is at {found['gateway_url']}" if found else "it is still starting"
                raise AlreadyRunning(
                    f"A stack already runs in {self.path}; {where}. End it with `edurelay down`, or use --folder."
                ) from None
            yield
