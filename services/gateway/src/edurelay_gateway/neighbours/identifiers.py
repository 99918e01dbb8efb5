"""Ids on their way into another service's address: checked here, so that none can name another tenant's things."""

from __future__ import annotations

import re

from edurelay_gateway.errors import Missing

_SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9_.~-]{1,256}")


def checked(identifier: str, what: str) -> str:
    """Return the id. Raises `Missing` where it cannot be the id of anything."""
    if not _SEGMENT.fullmatch(identifier):
        raise Missing(what)
    return identifier
