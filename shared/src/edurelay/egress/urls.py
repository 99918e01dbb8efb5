"""Which URLs may be called at all, before any name is resolved. What a name leads to is the guard's to judge."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from yarl import URL

from edurelay.egress.errors import UrlRefused
from edurelay.egress.guard import AddressGuard
from edurelay.egress.hosts import as_address, ends_in_number, is_name, plain

MAX_LENGTH: Final = 2048

_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_AUTHORITY: Final = re.compile(r"[^/?#]*//([^/?#]*)")


def check_url(url: str, *, guard: AddressGuard, require_https: bool) -> None:
    """Raise `UrlRefused` unless `url` is an absolute HTTP URL with a host name and an ordinary port.

    Refused are user names and passwords, addresses in place of a name in any notation, ports below 1024 but 80 and
    443, and, with `require_https`, plain HTTP. A host or address that the operator lists (`AddressGuard.allows_host`)
    may be given as a plain address, with any port and without TLS.
    """
    checked(url, guard, require_https)


@lru_cache(maxsize=8192)
def checked(url: str, guard: AddressGuard, require_https: bool) -> URL:
    """Return `url` as the client calls it, checked as by `check_url`."""
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
    written = _AUTHORITY.match(url)
    if not host or written is None:
        raise UrlRefused("the URL names no host")
    if "@" in written.group(1):
        raise UrlRefused("the URL holds a user name or password")
    if "[" in written.group(1) and ":" not in host:
        raise UrlRefused("the URL is malformed")
    listed = guard.allows_host(host)
    _check_host(plain(host), listed)
    if not port or (port < 1024 and port not in (80, 443) and not listed):
        raise UrlRefused("the URL names a port that may not be called")
    if parsed.scheme == "http" and require_https and not listed:
        raise UrlRefused("the URL does not begin with https://")
    return parsed


def _check_host(name: str, listed: bool) -> None:
    if as_address(name) is not None:
        if not listed:
            raise UrlRefused("the URL names an address in place of a host name")
    elif ends_in_number(name):
        raise UrlRefused("the URL names an address in place of a host name")
    elif not is_name(name):
        raise UrlRefused("the URL's host is not a host name")
    elif not listed and (name == "localhost" or name.endswith(".localhost")):
        raise UrlRefused("the URL names this machine")
