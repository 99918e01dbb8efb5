"""Signatures agree with the published vectors and with the reference library, and verify what they should only."""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from edurelay.security.signatures import (
    SecretMalformed,
    SignatureInvalid,
    hub256_signature,
    new_secret,
    signing_key,
    skillpassport_signature,
    standard_headers,
    verify_standard,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
STAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

keys = st.binary(min_size=24, max_size=64)
ids = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="_-"), min_size=1, max_size=64)


def secret_of(key: bytes) -> str:
    return "whsec_" + b64encode(key).decode()


def test_the_published_vector_comes_out() -> None:
    assert standard_headers(MESSAGE, STAMP, BODY, [SECRET]) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_the_published_vector_verifies() -> None:
    headers = {"Webhook-Id": MESSAGE, "WEBHOOK-TIMESTAMP": str(STAMP), "webhook-signature": SIGNATURE}
    verify_standard(headers, BODY, [SECRET], now=STAMP + 299)


def test_github_published_vector_comes_out() -> None:
    assert hub256_signature(b"Hello, World!", "It's a Secret to Everybody") == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    )


@given(st.binary(), st.text(st.characters(codec="utf-8")))
def test_skillpassport_signs_the_raw_body_with_the_whole_text_of_the_secret(body: bytes, secret: str) -> None:
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert skillpassport_signature(body, secret) == expected
    assert hub256_signature(body, secret) == f"sha256={expected}"


@given(ids, st.text(st.characters(codec="utf-8")), st.lists(keys, min_size=1, max_size=3, unique=True), st.data())
def test_the_reference_library_accepts_our_headers_under_each_live_secret(
    message_id: str, text: str, live: list[bytes], data: st.DataObject
) -> None:
    headers = standard_headers(message_id, int(time.time()), text.encode(), [secret_of(key) for key in live])
    reference = Webhook(secret_of(data.draw(st.sampled_from(live))))
    reference.verify(text, headers, json_parse=False)


@given(ids, st.text(st.characters(codec="utf-8")), keys, keys)
def test_the_reference_library_and_ours_refuse_the_same_foreign_signature(
    message_id: str, text: str, ours: bytes, theirs: bytes
) -> None:
    headers = standard_headers(message_id, int(time.time()), text.encode(), [secret_of(ours)])
    if ours.rstrip(b"\0") != theirs.rstrip(b"\0"):  # HMAC itself pads keys with zeros
        with pytest.raises(WebhookVerificationError):
            Webhook(secret_of(theirs)).verify(text, headers, json_parse=False)
        with pytest.raises(SignatureInvalid):
            verify_standard(headers, text.encode(), [secret_of(theirs)], now=time.time())


@given(ids, st.binary(), st.lists(keys, min_size=1, max_size=3), st.integers(0, 10**10), st.integers(-300, 300))
def test_what_we_sign_verifies_within_the_tolerance(
    message_id: str, body: bytes, live: list[bytes], now: int, skew: int
) -> None:
    secrets = [secret_of(key) for key in live]
    stamp = max(0, now + skew)
    verify_standard(standard_headers(message_id, stamp, body, secrets), body, secrets[-1:], now=now)


@given(st.data(), st.binary(min_size=1))
def test_a_changed_body_is_refused(data: st.DataObject, body: bytes) -> None:
    headers = standard_headers(MESSAGE, STAMP, body, [SECRET])
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SignatureInvalid, match="matches"):
        verify_standard(headers, bytes(changed), [SECRET], now=STAMP)


@pytest.mark.parametrize(("now", "word"), [(STAMP + 301, "old"), (STAMP - 301, "new"), (STAMP * 1000, "old")])
def test_a_timestamp_outside_the_tolerance_is_refused(now: int, word: str) -> None:
    with pytest.raises(SignatureInvalid, match=word):
        verify_standard(standard_headers(MESSAGE, STAMP, BODY, [SECRET]), BODY, [SECRET], now=now)


def test_the_tolerance_can_be_chosen() -> None:
    headers = standard_headers(MESSAGE, STAMP, BODY, [SECRET])
    verify_standard(headers, BODY, [SECRET], now=STAMP + 3600, tolerance=3600)


@pytest.mark.parametrize(
    "stamp", ["", "soon", "1.6e9", "-5", "+1614265330", " 1614265330", "٣", "9" * 400, "1614265330.0"]
)
def test_a_timestamp_that_is_no_whole_number_is_refused(stamp: str) -> None:
    headers = standard_headers(MESSAGE, STAMP, BODY, [SECRET]) | {"webhook-timestamp": stamp}
    with pytest.raises(SignatureInvalid, match="timestamp"):
        verify_standard(headers, BODY, [SECRET], now=STAMP)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = standard_headers(MESSAGE, STAMP, BODY, [SECRET])
    del headers[name]
    with pytest.raises(SignatureInvalid, match=name):
        verify_standard(headers, BODY, [SECRET], now=STAMP)


@pytest.mark.parametrize("given_before", ["v1a,AAAA ", "v1,AAAA ", "v2,x ", "garbage ", ", ", "  "])
def test_signatures_of_other_keys_and_schemes_are_passed_over(given_before: str) -> None:
    headers = {"webhook-id": MESSAGE, "webhook-timestamp": str(STAMP), "webhook-signature": given_before + SIGNATURE}
    verify_standard(headers, BODY, [SECRET], now=STAMP)


@pytest.mark.parametrize(
    "signature", ["v1,", "v1", SIGNATURE.removeprefix("v1,"), "v1a," + SIGNATURE[3:], "v1,é", "v1,\ud800"]
)
def test_a_signature_that_is_not_ours_is_refused(signature: str) -> None:
    headers = {"webhook-id": MESSAGE, "webhook-timestamp": str(STAMP), "webhook-signature": signature}
    with pytest.raises(SignatureInvalid):
        verify_standard(headers, BODY, [SECRET], now=STAMP)


def test_without_a_secret_nothing_verifies() -> None:
    with pytest.raises(SignatureInvalid):
        verify_standard(standard_headers(MESSAGE, STAMP, BODY, [SECRET]), BODY, [], now=STAMP)


def test_a_new_secret_holds_32_random_bytes() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(signing_key(secret)) == 32
    assert secret != new_secret()


@pytest.mark.parametrize("secret", [SECRET.removeprefix("whsec_"), secret_of(b"x" * 25).rstrip("=")])
def test_a_secret_may_lack_prefix_and_padding_as_in_the_reference_library(secret: str) -> None:
    stamp = int(time.time())
    Webhook(secret).verify("{}", standard_headers(MESSAGE, stamp, b"{}", [secret]), json_parse=False)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_abc", "whsec_not base64", secret_of(b"x" * 23), secret_of(b"x" * 65), "whsec_é"]
)
def test_a_malformed_secret_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(SecretMalformed) as caught:
        standard_headers(MESSAGE, STAMP, BODY, [secret])
    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(caught.value)
