"""The contracts that are generated from the declarations: what is committed has to equal what is generated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from edurelay_cli.contracts import asyncapi, connectors, openapi, pages, schemas

#: Each generator returns files by their path in the repository.
GENERATORS: tuple[Callable[[], Mapping[str, str]], ...] = (
    openapi.files,
    asyncapi.files,
    schemas.files,
    connectors.files,
    pages.files,
)

#: Folders that hold nothing but generated files: what is not generated any more has to go.
OWNED = ("contracts/events", "contracts/connectors")


def generate() -> dict[str, str]:
    """Return every generated file by its path."""
    return {path: text for generator in GENERATORS for path, text in generator().items()}


def differences(root: Path) -> list[str]:
    """Return the paths that differ from what is generated, or that should not be there."""
    wanted = generate()
    stale = [path for path, text in wanted.items() if not _same(root / path, text)]
    return sorted(stale + [path for path in _owned(root) if path not in wanted])


def write(root: Path) -> list[str]:
    """Write what differs, remove what is not generated any more; return the paths of both."""
    wanted, changed = generate(), differences(root)
    for path in changed:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path])
        else:
            (root / path).unlink()
    return changed


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def _owned(root: Path) -> list[str]:
    found = (path for folder in OWNED for path in (root / folder).glob("*") if path.is_file())
    return [path.relative_to(root).as_posix() for path in found]
