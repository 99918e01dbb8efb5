"""Client certificates: checking what somebody gave, and the TLS context that shows it.

A connection belongs to the context that it was made with, so two certificates never share one.
"""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import Certificate, load_pem_x509_certificates


class CertificateRefused(ValueError):
    """A client certificate or its key cannot be used; the message says why and quotes nothing, `part` is
    `certificate` or `private_key`."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part


def checked_certificate(chain: str, private_key: str, *, now: float) -> str:
    """Return the certificates of `chain` (PEM) and nothing of what else stands there. Raises `CertificateRefused`
    unless the first of them is valid at `now` (Unix time) and `private_key` (PEM without a passphrase) is its key.

    It takes a tenth of a second, which no event loop should be held up for.
    """
    if "PRIVATE KEY-----" in chain:
        raise CertificateRefused("certificate", "there is a private key among the certificates")
    certificates, moment = _certificates(chain), datetime.fromtimestamp(now, UTC)
    certificate = certificates[0]
    if moment > certificate.not_valid_after_utc:
        raise CertificateRefused("certificate", "the certificate has expired")
    if moment < certificate.not_valid_before_utc:
        raise CertificateRefused("certificate", "the certificate is not valid yet")
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    try:
        public = certificate.public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateRefused("certificate", "the certificate's key is of a kind that cannot be used") from None
    if _key(private_key).public_key().public_bytes(*form) != public:
        raise CertificateRefused("private_key", "the key is not that of the first certificate")
    client_context(chain, private_key)
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates).decode()


def system_trust() -> ssl.SSLContext:
    """Return a TLS context that trusts whom the system trusts."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def client_context(chain: str, private_key: str) -> ssl.SSLContext:
    """Return a TLS context that trusts whom the system trusts and shows the certificate. Raises
    `CertificateRefused`."""
    context = system_trust()
    # The standard library takes certificates from files only. What it gets is in memory where the system can, and
    # the key in it locked by a passphrase that lives as long as this call.
    passphrase = secrets.token_bytes(32)
    locked = _key(private_key).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.hex().encode())
    )
    try:
        with _file(chain.encode() + b"\n" + locked) as path:
            context.load_cert_chain(path, password=passphrase.hex())
    except ssl.SSLError:
        raise CertificateRefused("certificate", "TLS does not take the certificate with this key") from None
    return context


def _certificates(chain: str) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(chain.encode())
    except ValueError:
        raise CertificateRefused("certificate", "there is no certificate in PEM") from None


def _key(pem: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise CertificateRefused("private_key", "the key is locked by a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateRefused("private_key", "there is no private key in PEM that can be used") from None


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("certificate"), "wb") as file:
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{file.fileno()}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
