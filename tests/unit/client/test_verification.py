"""`verify`, for receivers: held to the published vector, the reference library, and our own signer."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from edurelay.security.ed25519 import new_private_key, public_key
from edurelay.security.signatures import new_secret, skillpassport_signature, standard_headers
from edurelay_client import InvalidSignature, Profile, verify

# The vector of the Standard Webhooks test suite.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
STAMP = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(STAMP),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_published_vector_verifies() -> None:
    verify(HEADERS, BODY, SECRET, now=STAMP)


def test_names_of_headers_may_come_in_any_case() -> None:
    verify({name.upper(): value for name, value in HEADERS.items()}, BODY, SECRET, now=STAMP)


@given(body=st.binary(max_size=200), stamp=st.integers(min_value=0, max_value=10**11))
def test_what_the_sender_signs_the_receiver_takes(body: bytes, stamp: int) -> None:
    secret = new_secret()
    verify(standard_headers("msg_1", stamp, body, [secret]), body, secret, now=stamp)


def test_what_the_reference_library_signs_is_taken() -> None:
    stamp = time.time()
    webhook = standardwebhooks.Webhook(SECRET)
    moment = datetime.fromtimestamp(int(stamp), UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(stamp)),
        "webhook-signature": webhook.sign(msg_id="msg_1", timestamp=moment, data=BODY.decode()),
    }
    verify(headers, BODY, SECRET)


@pytest.mark.parametrize("name", list(HEADERS))
def test_a_missing_header_is_no_proof(name: str) -> None:
    headers = {other: value for other, value in HEADERS.items() if other != name}
    with pytest.raises(InvalidSignature):
        verify(headers, BODY, SECRET, now=STAMP)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "msg_other"),
        ("webhook-timestamp", str(STAMP + 1)),
        ("webhook-timestamp", f"0{STAMP}"),
        ("webhook-timestamp", "now"),
        ("webhook-timestamp", f"{STAMP}.5"),
        ("webhook-timestamp", "٣"),
        ("webhook-timestamp", "1" * 40),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("webhook-signature", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ("webhook-signature", "v1,\udcff"),
    ],
)
def test_a_changed_header_is_no_proof(name: str, value: str) -> None:
    with pytest.raises(InvalidSignature):
        verify(HEADERS | {name: value}, BODY, SECRET, now=STAMP)


def test_a_changed_body_or_another_secret_is_no_proof() -> None:
    with pytest.raises(InvalidSignature):
        verify(HEADERS, BODY + b" ", SECRET, now=STAMP)
    with pytest.raises(InvalidSignature):
        verify(HEADERS, BODY, new_secret(), now=STAMP)


@pytest.mark.parametrize("away", [-301, 301])
def test_a_request_that_is_too_old_or_too_new_is_refused(away: int) -> None:
    with pytest.raises(InvalidSignature, match="timestamp"):
        verify(HEADERS, BODY, SECRET, now=STAMP + away)
    verify(HEADERS, BODY, SECRET, now=STAMP + away, tolerance=400)


def test_while_a_secret_rotates_either_side_may_be_ahead() -> None:
    old, new = new_secret(), new_secret()
    both = standard_headers("msg_1", STAMP, BODY, [new, old])
    verify(both, BODY, old, now=STAMP)
    verify(both, BODY, new, now=STAMP)
    verify(standard_headers("msg_1", STAMP, BODY, [old]), BODY, [new, old], now=STAMP)


def test_the_skillpassport_profile_verifies_by_its_own_header() -> None:
    headers = {"X-SkillPassport-Signature": skillpassport_signature(BODY, SECRET)}
    verify(headers, BODY, SECRET)
    with pytest.raises(InvalidSignature):
        verify(headers, BODY + b" ", SECRET)


def test_who_names_the_standard_profile_is_not_talked_into_the_weaker_one() -> None:
    headers = {"X-SkillPassport-Signature": skillpassport_signature(BODY, SECRET)}
    with pytest.raises(InvalidSignature):
        verify(headers, BODY, SECRET, profile=Profile.STANDARD)


def test_without_any_signature_nothing_is_proved() -> None:
    with pytest.raises(InvalidSignature):
        verify({}, BODY, SECRET)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_%%%", ""])
def test_a_secret_that_is_none_is_the_receivers_own_mistake(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        verify(HEADERS, BODY, secret, now=STAMP)


def test_a_list_without_a_secret_proves_nothing() -> None:
    with pytest.raises(InvalidSignature):
        verify(HEADERS, BODY, [], now=STAMP)


# The key pair of the Svix README, with the message above.
PUBLIC_KEY = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
ASYMMETRIC = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


def test_the_published_signature_of_ed25519_verifies_with_the_public_key() -> None:
    verify({**HEADERS, "webhook-signature": ASYMMETRIC}, BODY, PUBLIC_KEY, now=STAMP)


@pytest.mark.parametrize("keys", [SECRET, PUBLIC_KEY, [new_secret(), PUBLIC_KEY], [PUBLIC_KEY, SECRET]])
def test_while_migrating_one_key_of_either_kind_is_enough(keys: str | list[str]) -> None:
    verify({**HEADERS, "webhook-signature": f"{HEADERS['webhook-signature']} {ASYMMETRIC}"}, BODY, keys, now=STAMP)


@given(body=st.binary(max_size=200), stamp=st.integers(min_value=0, max_value=10**11))
def test_what_the_sender_signs_with_its_key_the_receiver_takes_with_the_public_one(body: bytes, stamp: int) -> None:
    current, former = new_private_key(), new_private_key()
    headers = standard_headers("msg_1", stamp, body, [], [current, former])
    for key in (current, former):
        verify(headers, body, public_key(key), now=stamp)
    with pytest.raises(InvalidSignature):
        verify(headers, body + b"x", public_key(current), now=stamp)
    with pytest.raises(InvalidSignature):
        verify(headers, body, [PUBLIC_KEY, new_secret()], now=stamp)


@pytest.mark.parametrize("signature", ["v1," + ASYMMETRIC[4:], ASYMMETRIC[4:], "v1a,", "v1a,AAAA", "v1a,é", "v1a"])
def test_another_signature_does_not_pass_for_one_of_ed25519(signature: str) -> None:
    with pytest.raises(InvalidSignature):
        verify({**HEADERS, "webhook-signature": signature}, BODY, PUBLIC_KEY, now=STAMP)


@pytest.mark.parametrize("key", ["whpk_", "whpk_AAAA", PUBLIC_KEY[:-1], "whpk_é"])
def test_a_public_key_that_is_none_is_said(key: str) -> None:
    with pytest.raises(ValueError, match="whpk_"):
        verify(HEADERS, BODY, key, now=STAMP)


def test_a_public_key_is_no_secret_of_the_older_header() -> None:
    forged = {"X-SkillPassport-Signature": skillpassport_signature(BODY, PUBLIC_KEY)}
    with pytest.raises(InvalidSignature):
        verify(forged, BODY, [PUBLIC_KEY])
