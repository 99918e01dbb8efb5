"""`edurelay demo`: the main job, end to end, and its books."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

from rich.console import Console

from edurelay_cli.commands.base import Command, CommandFailed
from edurelay_cli.embedded.kafka import DownloadFailed
from edurelay_cli.embedded.process import ProcessFailed
from edurelay_cli.stack import AlreadyRunning, StackFolder


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, help="a folder of CSV files, instead of a generated school")
    parser.add_argument("--layout", help="what the files hold: a layout file (.toml, .json) or a preset's name")
    parser.add_argument("--folder", type=Path, default=Path(".edurelay"), help="below it the demo keeps its own data")


def run(options: argparse.Namespace) -> int:
    """Tell the story; 0 only if everything added up."""
    from edurelay_cli.demo.story import tell  # loads the client and the progress bars, which no other command needs

    files = (options.data.resolve(), _layout(options.layout)) if options.data else None
    if files and not files[0].is_dir():
        raise CommandFailed(f"there is no folder {files[0]}")
    folder = StackFolder(options.folder / "demo")
    folder.jars = StackFolder(options.folder).jars
    console = Console(highlight=False)
    try:
        with folder.held():
            shutil.rmtree(folder.data, ignore_errors=True)
            (folder.path / "tenants.json").unlink(missing_ok=True)
            added_up = asyncio.run(tell(folder, console, files))
    except (AlreadyRunning, DownloadFailed, ProcessFailed) as error:
        raise CommandFailed(str(error)) from error
    except asyncio.CancelledError:
        return 143
    except TimeoutError as error:
        raise CommandFailed(f"it took too long; the logs are in {folder.logs}") from error
    console.print("\n[bold green]It all added up.[/]" if added_up else "\n[bold red]It did not add up.[/]")
    console.print(f"[dim]The stack is stopped again; `make up` starts one that stays. Logs: {folder.logs}[/]")
    return 0 if added_up else 1


def _layout(name: str | None) -> dict[str, Any]:
    """Return the part of the connection's config that says what the files hold."""
    if name is None:
        raise CommandFailed("say what the files hold: --layout FILE or --layout PRESET (such as microsoft-sds-v1)")
    path = Path(name)
    if not path.suffix:
        return {"preset": name}
    try:
        text = path.read_text()
        layout = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise CommandFailed(f"the layout {path} cannot be read: {error}") from error
    return {"layout": layout}


COMMAND = Command("demo", "the main job, end to end, and its books", arguments, run)
