"""Which client certificates are taken, and that nothing but certificates comes out of the check."""

from __future__ import annotations

import ssl
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from edurelay.egress.certificates import CertificateRefused, checked_certificate, client_context
from integration.authority import P256, Authority, pem_of

AUTHORITY = Authority("authority")
CLIENT = AUTHORITY.issue("client")


def check(chain: str, key: str) -> str:
    return checked_certificate(chain, key, now=time.time())


def refused(chain: str, key: str) -> CertificateRefused:
    with pytest.raises(CertificateRefused) as caught:
        check(chain, key)
    assert "-----" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(P256), rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate()]
)
def test_the_usual_kinds_of_key_are_taken(key: CertificateIssuerPrivateKeyTypes) -> None:
    issued = AUTHORITY.issue("client", key=key)
    assert check(issued.certificate, issued.private_key) == issued.certificate
    assert isinstance(client_context(issued.certificate, issued.private_key), ssl.SSLContext)


def test_a_chain_comes_out_without_what_stood_around_it() -> None:
    chain = f"Bag Attributes\n{CLIENT.certificate}subject=authority\n{AUTHORITY.certificate}\ntrailing words"
    assert check(chain, CLIENT.private_key) == CLIENT.certificate + AUTHORITY.certificate


def test_a_key_among_the_certificates_is_refused_since_these_are_shown() -> None:
    error = refused(CLIENT.private_key + CLIENT.certificate, CLIENT.private_key)
    assert (error.part, "private key" in str(error)) == ("certificate", True)


@pytest.mark.parametrize("chain", ["", "nonsense", CLIENT.certificate[:-40], "é", "\ud800", "\0"])
def test_what_is_no_certificate_is_refused(chain: str) -> None:
    assert refused(chain, CLIENT.private_key).part == "certificate"


@pytest.mark.parametrize(("days", "word"), [((-2, -1), "expired"), ((1, 2), "not valid yet")])
def test_a_certificate_outside_its_time_is_refused(days: tuple[int, int], word: str) -> None:
    issued = AUTHORITY.issue("client", days=days)
    error = refused(issued.certificate, issued.private_key)
    assert (error.part, word in str(error)) == ("certificate", True)


def test_a_key_that_openssl_finds_too_weak_is_refused() -> None:
    issued = AUTHORITY.issue("client", key=rsa.generate_private_key(65537, 1024))
    assert refused(issued.certificate, issued.private_key).part == "certificate"


@pytest.mark.parametrize("key", ["", "nonsense", CLIENT.certificate, CLIENT.private_key[:-60], "é"])
def test_what_is_no_private_key_is_refused(key: str) -> None:
    assert refused(CLIENT.certificate, key).part == "private_key"


def test_another_certificates_key_is_refused() -> None:
    error = refused(CLIENT.certificate, AUTHORITY.issue("other").private_key)
    assert (error.part, "not that of" in str(error)) == ("private_key", True)
    error = refused(AUTHORITY.certificate + CLIENT.certificate, CLIENT.private_key)
    assert error.part == "private_key"


def test_a_locked_key_is_refused() -> None:
    key = ec.generate_private_key(P256)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")).decode()
    error = refused(AUTHORITY.issue("client", key=key).certificate, locked)
    assert (error.part, "passphrase" in str(error)) == ("private_key", True)
    assert check(AUTHORITY.issue("client", key=key).certificate, pem_of(key))
