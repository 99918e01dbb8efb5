"""Which URLs may be called, before any name is looked up."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.egress.errors import EgressError, UrlRefused
from edurelay.egress.guard import AddressGuard
from edurelay.egress.urls import MAX_LENGTH, check_url, checked

guard = AddressGuard()
development = AddressGuard("127.0.0.0/8,::1,receiver.test")

GOOD = [
    "https://example.com",
    "https://example.com/hook?x=1&y=%20#part",
    "HTTPS://Example.COM/hook",
    "https://example.com:443/hook",
    "https://example.com:80/hook",
    "https://example.com:8443/hook",
    "https://sub_domain.a-b.example.com./hook",
    "https://bücher.example/hook",
    "https://xn--bcher-kva.example/hook",
    "https://127-0-0-1.example.com/hook",
    "https://1and1.com/a@b?c@d",
]
REFUSED = {
    "scheme": [
        "",
        "example.com",
        "//example.com/",
        "/hook",
        "https:example.com",
        "https:/example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com/_",
        "javascript:alert(1)",
        "ws://example.com",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/x",
        "http://example.com/hook",
    ],
    "user": [
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://@example.com/",
        "https://:@example.com/",
        "https://example.com@127.0.0.1/",
        "https://example.com:443@127.0.0.1/",
        "https://example.com%40127.0.0.1/",
    ],
    "port": [
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:-1/",
        "https://example.com:x/",
    ],
    "host": [
        "https:///hook",
        "https://./",
        "https://a..b/",
        "https://-a.com/",
        "https://a-.com/",
        "https://" + "a" * 64 + ".com/",
        "https://" + "a." * 127 + "com/",
        "https://*.example.com/",
        "https://exa$mple.com/",
        "https://[v1.x]/",
        "https://[example.com]/",
        "https://[::1/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://app.localhost:8443/",
        "https://ⅼocalhost/",
    ],
    "characters": [
        "https://example.com/a b",
        " https://example.com/",
        "https://example.com/\n",
        "https://example.com/\r\nX: y",
        "https://exam\tple.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\x00",
        "https://example.com/\x7f",
    ],
    "length": ["https://example.com/" + "a" * MAX_LENGTH],
}
LITERALS = [
    "127.0.0.1",
    "8.8.8.8",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.0.0.0x1",
    "00000127.0.0.1",
    "0",
    "0x",
    "1.2.3.4.5",
    "999.1.1.1",
    "169.254.169.254",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "%31%32%37.0.0.1",
    "127.0.0.1%2eexample.com",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[2606:4700:4700::1111]",
]


@pytest.mark.parametrize("url", GOOD)
def test_an_ordinary_url_may_be_called(url: str) -> None:
    check_url(url, guard=guard, require_https=True)


@pytest.mark.parametrize(("kind", "url"), [(kind, url) for kind, urls in REFUSED.items() for url in urls])
def test_an_odd_url_is_refused_with_a_reason(kind: str, url: str) -> None:
    with pytest.raises(UrlRefused) as caught:
        check_url(url, guard=guard, require_https=True)
    assert caught.value.reason == str(caught.value)
    assert not caught.value.sent
    assert "secret" not in caught.value.reason, kind


@pytest.mark.parametrize("literal", LITERALS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_in_any_notation_is_refused(literal: str, scheme: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(f"{scheme}://{literal}/", guard=guard, require_https=False)


def test_plain_http_may_be_allowed_as_a_whole() -> None:
    check_url("http://example.com/", guard=guard, require_https=False)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/hook",
        "http://127.0.0.1:81/hook",
        "http://[::1]:9000/hook",
        "http://[::ffff:127.0.0.1]:9000/hook",
        "http://localhost:9000/hook",
        "http://receiver.test/hook",
        "https://127.0.0.2/",
    ],
)
def test_what_the_operator_lists_may_be_called_by_address_and_without_tls(url: str) -> None:
    check_url(url, guard=development, require_https=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://10.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://sub.receiver.test/",
        "http://user@receiver.test/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1%2eexample.com/",
    ],
)
def test_a_listing_opens_nothing_else(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url, guard=development, require_https=True)


def test_what_is_checked_is_what_is_called() -> None:
    called = checked("https://Bücher.example/a%20b?c=d", guard, True)
    assert (called.scheme, called.raw_host, called.raw_path_qs) == (
        "https",
        "xn--bcher-kva.example",
        "/a%20b?c=d",
    )


@given(st.text())
def test_no_text_brings_about_anything_but_a_verdict(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com:{text}", f"https://[{text}]/"):
        try:
            check_url(url, guard=guard, require_https=True)
        except EgressError:
            continue


@given(st.ip_addresses())
def test_no_address_passes_as_a_name(address: object) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    with pytest.raises(UrlRefused):
        check_url(f"https://{host}/", guard=guard, require_https=False)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}"]))
def test_no_number_passes_as_a_name(number: int, notation: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(f"https://{notation.format(number)}/", guard=guard, require_https=False)


def parts_of(address: IPv4Address, sizes: list[int]) -> list[int]:
    """Return the address as numbers of so many bytes, the last of which may have several."""
    packed, parts = address.packed, []
    for size in sizes:
        parts.append(int.from_bytes(packed[:size], "big"))
        packed = packed[size:]
    return parts


BASES = st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}", "0x00000{:x}"])
WIDTHS = str.maketrans("0123456789.", "０１２３４５６７８９。")


@given(st.ip_addresses(v=4), st.sampled_from([[1, 1, 1, 1], [1, 1, 2], [1, 3], [4]]), st.data())
def test_no_address_passes_in_any_notation_that_some_resolver_takes(
    address: IPv4Address, sizes: list[int], data: st.DataObject
) -> None:
    numbers = parts_of(address, sizes)
    host = ".".join(data.draw(BASES).format(number) for number in numbers)
    assert socket.inet_aton(host) == address.packed
    escaped = "".join(f"%{ord(character):02x}" for character in host)
    for written in (host, f"{host}.", host.upper(), host.translate(WIDTHS), escaped):
        for url in (f"https://{written}/", f"http://{written}:8080/x", f"https://a@{written}/"):
            with pytest.raises(UrlRefused):
                check_url(url, guard=guard, require_https=False)


@given(st.ip_addresses(v=6), st.sampled_from(["", "%25eth0", "%1"]))
def test_no_ipv6_address_passes_in_any_notation(address: IPv6Address, zone: str) -> None:
    dotted = f"{':'.join(address.exploded.split(':')[:6])}:{IPv4Address(int(address) & 0xFFFFFFFF)}"
    for written in (str(address), address.exploded, str(address).upper(), dotted):
        with pytest.raises(UrlRefused):
            check_url(f"https://[{written}{zone}]/", guard=guard, require_https=False)
