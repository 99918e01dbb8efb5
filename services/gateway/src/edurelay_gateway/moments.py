"""Moments as callers write them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator

from edurelay.events.envelope import timestamp

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def moment(text: str) -> str:
    """Return an RFC 3339 moment in UTC with milliseconds. Raises `ValueError`."""
    if not _RFC_3339.fullmatch(text):
        raise ValueError("a moment is written as in RFC 3339, such as 2026-01-31T08:15:00Z")
    try:
        return timestamp(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError):
        raise ValueError("there is no such moment") from None


Moment = Annotated[str, AfterValidator(moment)]
