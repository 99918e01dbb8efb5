"""Ed25519 signatures agree with the published vector, and verify what they should only."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode, urlsafe_b64decode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.security.ed25519 import (
    SigningKeyMalformed,
    is_signed,
    jwk,
    new_private_key,
    public_key,
    token,
)
from edurelay.security.signatures import SignatureInvalid, new_secret, standard_headers, verify_standard

# The key pair of the Svix README, and the message of the Standard Webhooks test suite. The specification prints this
# signature beside another body, of which it is none.
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STAMP = 1614265330
BODY = b'{"test": 2432232314}'
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
SIGNED = f"{MESSAGE}.{STAMP}.".encode() + BODY


def test_the_published_vector_comes_out() -> None:
    assert token(PRIVATE, SIGNED) == V1A
    assert public_key(PRIVATE) == PUBLIC


def test_the_published_vector_verifies() -> None:
    assert is_signed(PUBLIC, SIGNED, V1A)


def test_both_kinds_stand_in_one_header_with_the_shared_secret_first() -> None:
    headers = standard_headers(MESSAGE, STAMP, BODY, [SECRET], [PRIVATE])
    assert headers["webhook-signature"] == f"{V1} {V1A}"
    for keys in ([SECRET], [PUBLIC], [new_secret(), PUBLIC]):
        verify_standard(headers, BODY, keys, now=STAMP)


def test_without_a_secret_the_header_holds_only_what_everybody_can_verify() -> None:
    headers = standard_headers(MESSAGE, STAMP, BODY, [], [PRIVATE])
    assert headers["webhook-signature"] == V1A
    with pytest.raises(SignatureInvalid):
        verify_standard(headers, BODY, [SECRET], now=STAMP)


def test_while_a_key_rotates_either_verifies_and_the_current_one_comes_first() -> None:
    current, former = new_private_key(), new_private_key()
    headers = standard_headers(MESSAGE, STAMP, BODY, [], [current, former])
    assert headers["webhook-signature"].split(" ")[0] == token(current, SIGNED)
    for key in (current, former):
        verify_standard(headers, BODY, [public_key(key)], now=STAMP)


@given(st.binary())
def test_what_a_key_signs_its_public_half_verifies_and_no_other(signed: bytes) -> None:
    key = new_private_key()
    assert is_signed(public_key(key), signed, token(key, signed))
    assert not is_signed(PUBLIC, signed, token(key, signed))


@given(st.data(), st.binary(min_size=1))
def test_a_changed_text_or_signature_is_refused(data: st.DataObject, signed: bytes) -> None:
    good = token(PRIVATE, signed)
    changed = bytearray(signed)
    changed[data.draw(st.integers(0, len(signed) - 1))] ^= data.draw(st.integers(1, 255))
    assert not is_signed(PUBLIC, bytes(changed), good)
    signature = bytearray(b64decode(good.removeprefix("v1a,")))
    signature[data.draw(st.integers(0, 63))] ^= data.draw(st.integers(1, 255))
    assert not is_signed(PUBLIC, signed, f"v1a,{b64encode(signature).decode()}")


@pytest.mark.parametrize(
    "given_token",
    [
        "",
        "v1a",
        "v1a,",
        "v1," + V1A[4:],
        V1A[4:],
        V1A[:-4],
        V1A + "AAAA",
        "v1a,é",
        "v1a,\ud800",
        "v1a,AAAA",
        V1A.lower(),
    ],
)
def test_what_is_no_signature_is_refused(given_token: str) -> None:
    assert not is_signed(PUBLIC, SIGNED, given_token)


@pytest.mark.parametrize("body", [BODY + b" ", b'{"type":"contact.created"}'])
def test_the_published_signature_is_of_its_own_body_only(body: bytes) -> None:
    headers = {"webhook-id": MESSAGE, "webhook-timestamp": str(STAMP), "webhook-signature": V1A}
    with pytest.raises(SignatureInvalid, match="matches"):
        verify_standard(headers, body, [PUBLIC], now=STAMP)


def test_a_new_key_holds_a_random_seed_and_its_public_half() -> None:
    key = new_private_key()
    pair = b64decode(key.removeprefix("whsk_"), validate=True)
    assert (key[:5], len(pair)) == ("whsk_", 64)
    assert public_key(key) == "whpk_" + b64encode(pair[32:]).decode()
    assert key != new_private_key()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "whsk_",
        PRIVATE.removeprefix("whsk_"),
        PRIVATE[:-8],
        PUBLIC,
        SECRET,
        "whsk_é",
        # The seed of one key and the public half of another.
        "whsk_" + b64encode(b64decode(PRIVATE[5:])[:32] + bytes(32)).decode(),
    ],
)
def test_a_malformed_private_key_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(SigningKeyMalformed) as caught:
        token(key, SIGNED)
    assert len(key) < 8 or key[5:] not in str(caught.value)


@pytest.mark.parametrize("key", ["", "whpk_", PUBLIC[:-4], PRIVATE, PUBLIC.removeprefix("whpk_"), "whpk_é"])
def test_a_malformed_public_key_is_refused(key: str) -> None:
    with pytest.raises(SigningKeyMalformed):
        is_signed(key, SIGNED, V1A)


def test_a_public_key_as_jwk_is_named_by_its_thumbprint() -> None:
    key = jwk(PUBLIC)
    assert urlsafe_b64decode(key["x"] + "=") == b64decode(PUBLIC[5:])
    canonical = json.dumps({name: key[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    assert urlsafe_b64decode(key["kid"] + "=") == sha256(canonical.encode()).digest()
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert key["whpk"] == PUBLIC


def test_the_thumbprint_is_that_of_the_published_example() -> None:
    # RFC 8037, appendix A.3.
    raw = urlsafe_b64decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
    assert jwk("whpk_" + b64encode(raw).decode())["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
