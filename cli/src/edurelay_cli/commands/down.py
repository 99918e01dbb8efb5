"""`edurelay down`: ends what `edurelay up` started in the same folder, and only that."""

from __future__ import annotations

import argparse
from pathlib import Path

import psutil

from edurelay_cli.commands.base import Command, CommandFailed
from edurelay_cli.stack import StackFolder

SECONDS = 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--folder", type=Path, default=Path(".edurelay"), help="the folder that `up` was given")


def run(options: argparse.Namespace) -> int:
    """Ask the supervisor to stop; where it is gone, end the processes that it left."""
    folder = StackFolder(options.folder)
    found = folder.description()
    if found is None:
        print(f"no stack runs in {folder.path}")
        return 0
    written = folder.stack_file.stat().st_mtime
    supervisor = _ours(found["supervisor"], written)
    left = [process for entry in found["processes"] if (process := _ours(entry["pid"], written))]
    for process in [supervisor] if supervisor else left:
        process.terminate()
    _, alive = psutil.wait_procs([p for p in (supervisor, *left) if p], timeout=SECONDS)
    for process in alive:
        process.kill()
    folder.stack_file.unlink(missing_ok=True)
    if alive:
        raise CommandFailed(f"had to end by force: {', '.join(str(process.pid) for process in alive)}")
    print("stopped")
    return 0


def _ours(pid: int | None, written: float) -> psutil.Process | None:
    """Return the process, unless its number has gone to another one that was born after the file was written."""
    try:
        process = psutil.Process(pid) if pid else None
        return process if process and process.create_time() <= written + 1 else None
    except psutil.NoSuchProcess:
        return None


COMMAND = Command("down", "end what `up` started", arguments, run)
