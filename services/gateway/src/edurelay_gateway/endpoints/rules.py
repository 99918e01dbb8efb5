"""What an endpoint may say: headers of its own, and lists without repetitions. Pure."""

from __future__ import annotations

import re

MAX_HEADERS = 20

_HEADER_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,1024}")

#: Headers that the dispatcher or HTTP itself sets.
_OURS = frozenset(
    {
        "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
        "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "traceparent", "tracestate", "user-agent", "x-hub-signature", "x-hub-signature-256",
    }
)  # fmt: skip
_OUR_PREFIXES = ("webhook-", "x-skillpassport-", "x-edurelay-", "ce-", "svix-")


def is_ours(header: str) -> bool:
    """Tell whether the dispatcher or HTTP itself sets a header of this name."""
    lowered = header.lower()
    return lowered in _OURS or lowered.startswith(_OUR_PREFIXES)


def checked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that an endpoint adds. Raises `ValueError` for one that it may not."""
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"an endpoint may add {MAX_HEADERS} headers")
    seen = set()
    for name, value in headers.items():
        lowered = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("a header's name is made of letters, digits, dashes and underscores")
        if is_ours(name):
            raise ValueError(f"the header {lowered} is set by the sender")
        if lowered in seen:
            raise ValueError(f"the header {lowered} is there twice")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the value of {lowered} is visible ASCII without line breaks, 1,024 characters at most")
        seen.add(lowered)
    return headers


def without_repetitions(listed: list[str]) -> list[str]:
    """Return what is listed, once each, in its order."""
    return list(dict.fromkeys(listed))
