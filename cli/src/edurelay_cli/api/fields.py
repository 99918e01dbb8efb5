"""An endpoint's fields as options. What has no option of its own is given by `--set FIELD=JSON`."""

from __future__ import annotations

import argparse
import inspect
import json
from typing import Any

from edurelay_client.resources.endpoints import Endpoints

#: The fields that the client library can change.
FIELDS = tuple(list(inspect.signature(Endpoints.change).parameters)[2:])


def field_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options for everything but the address and the event types."""
    parser.add_argument("--description", help="what it is for")
    parser.add_argument("--profile", action="append", metavar="NAME", help="how it is signed; may be repeated")
    parser.add_argument(
        "--header", action="append", type=header, metavar="'NAME: VALUE'", help="sent along; may be repeated"
    )
    parser.add_argument("--rate", type=number, metavar="N", help="deliveries a second at most; `none` lifts the limit")
    parser.add_argument("--in-flight", type=int, metavar="N", help="deliveries at a time at most")
    parser.add_argument("--schedule", type=schedule, metavar="0,5,300", help="seconds between attempts; `default`")
    parser.add_argument(
        "--set", action="append", type=assignment, default=[], metavar="FIELD=JSON",
        help=f"any field, its value as JSON or as plain text: {', '.join(FIELDS)}",
    )  # fmt: skip


def given_fields(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields that were given, by their names in the API."""
    found: dict[str, Any] = {
        "description": options.description,
        "signature_profiles": options.profile,
        "headers": dict(options.header) if options.header else None,
        "max_in_flight": options.in_flight,
    }
    found = {name: value for name, value in found.items() if value is not None}
    if options.rate is not None:
        found["rate_per_second"] = options.rate or None
    if options.schedule is not None:
        found["retry_schedule"] = options.schedule or None
    return found | dict(options.set)


def header(text: str) -> tuple[str, str]:
    """Return `Name: value` as a pair. Raises `ArgumentTypeError`."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form 'Name: value'")
    return name.strip(), value.strip()


def number(text: str) -> float:
    """Return a rate; 0 stands for `none`. Raises `ValueError`."""
    return 0.0 if text == "none" else float(text)


def schedule(text: str) -> list[float]:
    """Return the seconds; an empty list stands for `default`. Raises `ValueError`."""
    return [] if text == "default" else [float(each) for each in text.split(",")]


def assignment(text: str) -> tuple[str, Any]:
    """Return `field=value` as a pair, the value read as JSON where it is some. Raises `ArgumentTypeError`."""
    name, sign, value = text.partition("=")
    if not sign or name not in FIELDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIELD=JSON with a field of {', '.join(FIELDS)}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
