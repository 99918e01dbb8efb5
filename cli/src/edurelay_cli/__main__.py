"""`edurelay`: one command, one module a subcommand in `edurelay_cli.commands`."""

from __future__ import annotations

import argparse
import os
import sys

from edurelay_cli.commands import COMMANDS
from edurelay_cli.commands.base import CommandFailed


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(prog="edurelay", description="An event-driven integration hub for education")
    subcommands = top.add_subparsers(metavar="command", required=True)
    for command in COMMANDS:
        sub = subcommands.add_parser(command.name, help=command.summary, description=command.summary)
        command.arguments(sub)
        sub.set_defaults(run=command.run)
    return top


def main() -> None:
    """Run one command; a failure that the user can mend is one message, not a traceback."""
    options = parser().parse_args()
    try:
        code = options.run(options)
    except CommandFailed as error:
        print(f"edurelay: {error}", file=sys.stderr)
        code = error.code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Whoever read the output has seen enough, as `head` does; what is still to be flushed must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)


if __name__ == "__main__":
    main()
