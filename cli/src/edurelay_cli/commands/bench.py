"""`edurelay bench`: how fast each part is, beside a bare loop in the same run."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from edurelay_cli.commands.base import Command, CommandFailed
from edurelay_cli.embedded.kafka import DownloadFailed
from edurelay_cli.embedded.process import ProcessFailed
from edurelay_cli.stack import AlreadyRunning, StackFolder

_STAGES = (
    "gateway",
    "mapping",
    "delivery",
    "system",
    "latency",
    "fan-out",
    "isolation",
    "recovery",
    "pending",
    "memory",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--only", choices=_STAGES, action="append", help="measure this alone, and write no file")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that everything works")
    parser.add_argument("--pending", type=int, nargs="+", help="other numbers of pending deliveries, growing")
    parser.add_argument("--folder", type=Path, default=Path(".edurelay"), help="where bench.json is written")


def run(options: argparse.Namespace) -> int:
    """Measure, show and write."""
    import uvloop

    from edurelay_cli.bench.ground import BenchFailed  # loads much that no other command needs
    from edurelay_cli.bench.measurement import measure
    from edurelay_cli.bench.sizes import FULL, QUICK
    from edurelay_cli.bench.usage import hold_two_cores

    folder = StackFolder(options.folder / "bench")
    folder.jars = StackFolder(options.folder).jars
    console = Console(highlight=False)
    cores = hold_two_cores()
    console.print(f"[dim]on the cores {cores}; anything else that runs there makes the figures worse[/]")
    sizes = QUICK if options.quick else FULL
    if options.pending:
        sizes = replace(sizes, pending=tuple(options.pending))
    try:
        with folder.held():
            figures = uvloop.run(measure(folder, sizes, options.only or _STAGES, console))
    except (AlreadyRunning, DownloadFailed, ProcessFailed, BenchFailed) as error:
        raise CommandFailed(str(error)) from error
    except TimeoutError as error:
        raise CommandFailed(f"it took too long; the logs are in {folder.logs}") from error
    if not options.only:
        written = options.folder / "bench.json"
        written.write_text(json.dumps(figures.document(), indent=2) + "\n")
        console.print(f"\nwritten to {written}")
    return 0


COMMAND = Command("bench", "how fast each part is, beside a bare loop in the same run", arguments, run)
