"""`edurelay contracts`: writes the generated contracts and reference pages, or says which are out of date."""

from __future__ import annotations

import argparse
from pathlib import Path

from edurelay_cli.commands.base import Command, CommandFailed


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something is out of date")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the repository")


def run(options: argparse.Namespace) -> int:
    """Write or compare."""
    from edurelay_cli import contracts  # loads every service's declarations, which other commands need not wait for

    if options.check:
        stale = contracts.differences(options.root)
        if stale:
            raise CommandFailed("out of date, run `make docs` and commit: " + ", ".join(stale))
        return 0
    for path in contracts.write(options.root):
        print(path)
    return 0


COMMAND = Command("contracts", "write the generated contracts and reference pages", arguments, run)
