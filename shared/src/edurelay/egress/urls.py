"""Which URLs may be called at all, before any name is resolved. What a name leads to is the guard's to judge."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from yarl import URL

from edurelay.egress.errors import UrlRefused
from edurelay.egress.guard import AddressGuard

MAX_LENGTH: Final = 2048

_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_NAME: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


def check_url(url: str, *, guard: AddressGuard, require_https: bool) -> None:
    """Raise `UrlRefused` unless `url` is an absolute HTTP URL with a host name and an ordinary port.

    Refused are user names and passwords, addresses in place of a name in any notation, and, with `require_https`,
    plain HTTP; a host or address that the operator lists (`AddressGuard.allows_host`) may have the latter two.
    """
    checked(url, guard, require_https)


@lru_cache(maxsize=8192)
def checked(url: str, guard: AddressGuard, require_https: bool) -> URL:
    """Return `url` as the client will call it, checked as by `check_url`."""
    if len(url) > MAX_LENGTH:
        raise UrlRefused(f"the URL is longer than {MAX_LENGTH} characters")
    if _FORBIDDEN.search(url):
        raise UrlRefused("the URL holds a space, a control character or a backslash")
    try:
        parsed = URL(url)
        host, port = parsed.raw_host, parsed.port
    except ValueError:
        raise UrlRefused("the URL is malformed") from None
    if parsed.scheme not in ("http", "https"):
        raise UrlRefused("the URL does not begin with https://")
    if not host:
        raise UrlRefused("the URL names no host")
    if "@" in parsed.raw_authority:
        raise UrlRefused("the URL holds a user name or password")
    listed = guard.allows_host(host)
    _check_host(host, listed)
    if not port or (port < 1024 and port not in (80, 443) and not listed):
        raise UrlRefused("the URL names a port that may not be called")
    if parsed.scheme == "http" and require_https and not listed:
        raise UrlRefused("the URL does not begin with https://")
    return parsed


def _check_host(host: str, listed: bool) -> None:
    name = host.removesuffix(".").lower()
    if _is_address(name):
        if not listed:
            raise UrlRefused("the URL names an address in place of a host name")
    elif not _NAME.fullmatch(name):
        raise UrlRefused("the URL's host is not a host name")
    elif _NUMBER.fullmatch(name.rpartition(".")[2]):
        # `127.1`, `0177.0.0.1` and `2130706433` are addresses to many a resolver.
        raise UrlRefused("the URL names an address in place of a host name")
    elif not listed and (name == "localhost" or name.endswith(".localhost")):
        raise UrlRefused("the URL names this machine")


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
