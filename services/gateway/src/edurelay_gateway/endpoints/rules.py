"""What an endpoint may say: event-type patterns, headers of its own, a retry schedule. Pure.

A pattern is `*`, an exact type, or a type's beginning with `.*` behind it, such as `student.*`.
"""

from __future__ import annotations

import re

#: An event type: parts of letters, digits and underscores, with dots between them (Standard Webhooks 1.0.0).
EVENT_TYPE = r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*"
EVENT_TYPE_LENGTH = 128

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


def checked_patterns(patterns: list[str]) -> list[str]:
    """Return the patterns without repetitions, in their order."""
    return list(dict.fromkeys(patterns))
