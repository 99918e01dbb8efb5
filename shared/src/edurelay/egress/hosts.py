"""Reading hosts: which text is an address, which a name, and which only pretends."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final

from edurelay.egress.ranges import Address

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


def plain(host: str) -> str:
    """Return `host` in lower case and without the dot that may end it."""
    return host.removesuffix(".").lower()


def as_address(text: str) -> Address | None:
    """Return the address that `text` is in its canonical notation, a zone left aside, or None."""
    try:
        return ip_address(text.partition("%")[0] if ":" in text else text)
    except ValueError:
        return None


def ends_in_number(name: str) -> bool:
    """Tell whether the last label is a number: `127.1`, `0177.0.0.1` and `2130706433` are addresses to many a
    resolver, and no name ends so."""
    return _NUMBER.fullmatch(name.rpartition(".")[2]) is not None


def is_name(name: str) -> bool:
    """Tell whether `name` (plain) can be a host's name."""
    return _NAME.fullmatch(name) is not None and not ends_in_number(name)
