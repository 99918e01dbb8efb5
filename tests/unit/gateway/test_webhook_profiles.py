"""Every profile believes what its provider signed, and nothing else. The signing is the sandbox's own code."""

from __future__ import annotations

import hmac
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from edurelay.messages.ingest import WebhookProfile
from edurelay_gateway.ingest.profiles import PROFILES, Encoding, Proof
from edurelay_gateway.ingest.verification import Presented, UnfitSecret, Unproven, key_of, presented_headers, verify
from edurelay_sandbox.webhooks import SENDERS, Webhook
from unit.gateway.webhooks import (
    NOW,
    OTHER_SECRET,
    SIGNED,
    TIMED,
    TOKEN_HEADER,
    UNTIMED,
    WEBHOOK,
    headers_of,
    proven,
    standard_v1a,
)

P = WebhookProfile

HUBSPOT_SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
    b"803a0bc887a14d10d2c447fce8b6703c"
)
HUBSPOT_V1_BODY = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":'
    b'"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
)

#: What the providers publish, and some that were reckoned apart: profile, secret, address, body, time, headers.
VECTORS = [
    (
        P.STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", b'{"test": 2432232314}', 1614265330,
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
    ),
    (
        P.STANDARD, "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "", b'{"test": 2432232314}', 1614265330,
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+"
            "m7TBAg==",
        },
    ),
    (
        P.HUB256, "It's a Secret to Everybody", "", b"Hello, World!", 0,
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
    ),
    *(
        (
            P.HUBSPOT_V3, HUBSPOT_SECRET, "https://www.example.com/webhook_uri",
            b"{'example_field':'example_value'}", int(stamp) / 1000,
            {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp},
        )
        for stamp, signature in (
            ("1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
            ("1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
        )
    ),
    (
        P.HUBSPOT_V3, "hubspot-client-secret-for-tests", "https://hub.example.com/webhooks/hubspot/acct-1",
        b'[{"eventId":1,"subscriptionType":"contact.creation","objectId":101}]', 1767225600,
        {
            "X-HubSpot-Signature-v3": "yxabLeVajeJwRw1qJQkgJxeuSJIiDGngFyAm1dW2Ti8=",
            "X-HubSpot-Request-Timestamp": "1767225600000",
        },
    ),
    (
        P.HUBSPOT_V1, HUBSPOT_SECRET, "", HUBSPOT_V1_BODY, 0,
        {"X-HubSpot-Signature": "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"},
    ),
    (
        P.ZENDESK, "zendesk-webhook-secret-for-tests", "",
        b'{"type":"zen:event-type:ticket.created","account_id":22129848,"id":"evt-0001"}', 1767225600,
        {
            "X-Zendesk-Webhook-Signature": "JRTQgsObBrphg5QdxSv6/KQ4LGHYVP56O+0QPs3lN6c=",
            "X-Zendesk-Webhook-Signature-Timestamp": "2026-01-01T00:00:00Z",
        },
    ),
    (
        P.CHATWOOT, "chatwoot-webhook-secret-for-tests", "", b'{"event":"contact_created","id":7}', 1767225600,
        {
            "X-Chatwoot-Signature": "sha256=493cc44b3347ed397498a708475396f74d2aa555b470c69ec275078226c43977",
            "X-Chatwoot-Timestamp": "1767225600",
        },
    ),
    (
        P.SLACK, "8f742231b10e8888abcd99yyyzzz85a5", "", SLACK_BODY, 1531420618,
        {
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            "X-Slack-Request-Timestamp": "1531420618",
        },
    ),
    (
        P.SLACK, "slack-signing-secret-for-tests", "", b'{"type":"event_callback","event_id":"Ev0001"}', 1767225600,
        {
            "X-Slack-Signature": "v0=8e9547617cf3e693ee8a90899f64616c84c60edb63945e55986e3916da556a1e",
            "X-Slack-Request-Timestamp": "1767225600",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "secret", "url", "body", "at", "headers"), VECTORS)
def test_what_the_provider_published_is_believed(
    profile: WebhookProfile, secret: str, url: str, body: bytes, at: float, headers: dict[str, str]
) -> None:
    webhook = Webhook(secret, url, body, at)
    proven(profile, headers, webhook=webhook, now=at)
    with pytest.raises(Unproven):
        proven(profile, headers, webhook=replace(webhook, body=body + b" "), now=at)


def test_hubspots_second_version_is_the_published_digest() -> None:
    """The published example is a GET, which is not how webhooks come."""
    declared = PROFILES[P.HUBSPOT_V2]
    digest = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
    request = Presented("GET", "https://www.example.com/webhook_uri", {"x-hubspot-signature": [digest.encode()]}, b"")
    verify(declared, request, [key_of(declared, HUBSPOT_SECRET)], tolerance=300, now=0)


@pytest.mark.parametrize("profile", SIGNED)
def test_a_good_webhook_is_believed(profile: WebhookProfile) -> None:
    proven(profile, headers_of(profile))


@pytest.mark.parametrize("profile", SIGNED)
def test_an_empty_body_can_be_signed_as_well(profile: WebhookProfile) -> None:
    empty = replace(WEBHOOK, body=b"")
    proven(profile, headers_of(profile, empty), webhook=empty)


@pytest.mark.parametrize(
    "profile", [each for each in SIGNED if Proof.SAME not in {s.proof for s in PROFILES[each].schemes}]
)
@pytest.mark.parametrize("place", [0, 10, len(WEBHOOK.body) - 1])
def test_a_changed_body_is_not_believed(profile: WebhookProfile, place: int) -> None:
    changed = bytearray(WEBHOOK.body)
    changed[place] ^= 1
    with pytest.raises(Unproven):
        proven(profile, headers_of(profile), webhook=replace(WEBHOOK, body=bytes(changed)))


def _changes() -> list[tuple[WebhookProfile, str]]:
    """Every header of every profile that is part of the proof."""
    free = {
        "x-zendesk-webhook-invocation-id",
        "x-chatwoot-delivery",
        "x-github-delivery",
        "x-hubspot-signature-version",
    }
    return [
        (profile, name)
        for profile in SIGNED
        for name in headers_of(profile)
        if name.lower() not in free and not name.lower().endswith(("shopify-webhook-id", "shopify-event-id"))
    ]


@pytest.mark.parametrize(("profile", "name"), _changes())
def test_a_changed_header_is_not_believed(profile: WebhookProfile, name: str) -> None:
    headers = headers_of(profile)
    for changed in (headers[name][:-2] + ("AA" if headers[name][-2:] != "AA" else "BB"), headers[name] + "0", "0", ""):
        with pytest.raises(Unproven):
            proven(profile, {**headers, name: changed})


@pytest.mark.parametrize(("profile", "name"), _changes())
def test_a_header_that_is_missing_or_there_twice_is_not_believed(profile: WebhookProfile, name: str) -> None:
    headers = headers_of(profile)
    with pytest.raises(Unproven, match=name.lower()):
        proven(profile, {other: value for other, value in headers.items() if other != name})
    with pytest.raises(Unproven, match="more than once"):
        proven(profile, [*headers.items(), (name.upper(), headers[name])])


@pytest.mark.parametrize("profile", SIGNED)
def test_another_secret_is_not_believed(profile: WebhookProfile) -> None:
    with pytest.raises(Unproven, match="not the right one"):
        proven(profile, headers_of(profile, replace(WEBHOOK, secret=OTHER_SECRET)))


@pytest.mark.parametrize("profile", SIGNED)
def test_while_secrets_rotate_each_is_believed_until_its_end(profile: WebhookProfile) -> None:
    secrets = {OTHER_SECRET: 0.0, WEBHOOK.secret: NOW + 60}
    for secret in secrets:
        proven(profile, headers_of(profile, replace(WEBHOOK, secret=secret)), secrets=secrets)
    later = replace(WEBHOOK, at=NOW + 60)
    proven(profile, headers_of(profile, replace(later, secret=OTHER_SECRET)), secrets=secrets, now=NOW + 60)
    with pytest.raises(Unproven):
        proven(profile, headers_of(profile, later), secrets=secrets, now=NOW + 60)


@pytest.mark.parametrize("profile", TIMED)
@pytest.mark.parametrize("tolerance", [10, 300, 86_400])
def test_a_timestamp_may_be_away_by_the_tolerance_and_no_more(profile: WebhookProfile, tolerance: int) -> None:
    headers = headers_of(profile)
    for now in (NOW - tolerance, NOW + tolerance):
        proven(profile, headers, now=now, tolerance=tolerance)
    with pytest.raises(Unproven, match="too old"):
        proven(profile, headers, now=NOW + tolerance + 1, tolerance=tolerance)
    with pytest.raises(Unproven, match="too new"):
        proven(profile, headers, now=NOW - tolerance - 1, tolerance=tolerance)


@pytest.mark.parametrize("profile", UNTIMED)
def test_a_profile_without_timestamp_cannot_tell_an_old_request(profile: WebhookProfile) -> None:
    proven(profile, headers_of(profile), now=NOW + 10**8)


STAMPS = {
    P.STANDARD: "webhook-timestamp",
    P.HUBSPOT_V3: "X-HubSpot-Request-Timestamp",
    P.ZENDESK: "X-Zendesk-Webhook-Signature-Timestamp",
    P.CHATWOOT: "X-Chatwoot-Timestamp",
    P.SLACK: "X-Slack-Request-Timestamp",
    P.STRIPE: "Stripe-Signature",
}


@pytest.mark.parametrize("profile", TIMED)
@pytest.mark.parametrize(
    "stamp",
    [
        "", "-1", "+1767225600", "1767225600.0", "1 767225600", "0x6955b900", "1e9", "٣", "9" * 12, "9" * 13,
        "9" * 4000, "NaN", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-01-01T00:00:00+99:99", "20260101T000000Z", "2026-01-01T24:00:00Z", "\udcff", "t=1",
    ],
)  # fmt: skip
def test_no_timestamp_however_odd_is_more_than_unproven(profile: WebhookProfile, stamp: str) -> None:
    written = f"t={stamp},v1=00" if profile is P.STRIPE else stamp
    with pytest.raises(Unproven):
        proven(profile, {**headers_of(profile), STAMPS[profile]: written})


def test_two_timestamps_in_one_header_are_none() -> None:
    signature = headers_of(P.STRIPE)["Stripe-Signature"]
    with pytest.raises(Unproven, match="one timestamp"):
        proven(P.STRIPE, {"Stripe-Signature": f"t=1,{signature}"})


#: Tokens that are wrong in how they are written, for whatever encoding.
ODD_TOKENS = [
    "",
    " ",
    "=",
    "====",
    "zz",
    "0",
    "AAA",
    "A" * 43,
    "ñ",
    "\udcff\udcfe",
    "0" * 8000,
    "AA==\u2028",
    "%41",
    "v1,",
    "v0=",
    "sha256=",
]


@pytest.mark.parametrize("profile", SIGNED)
@pytest.mark.parametrize("token", ODD_TOKENS)
def test_no_token_however_odd_is_more_than_unproven(profile: WebhookProfile, token: str) -> None:
    headers = headers_of(profile)
    for scheme in PROFILES[profile].schemes:
        place = scheme.token
        written = place.prefix.decode() + token
        changed = {name: value for name, value in headers.items() if name.lower() != (place.header or TOKEN_HEADER)}
        if profile is P.STRIPE:
            written = f"t={int(NOW)},{written}"
        with pytest.raises(Unproven):
            proven(profile, {**changed, place.header or TOKEN_HEADER: written})


headers = st.dictionaries(
    st.sampled_from(sorted({name.lower() for profile in SIGNED for name in headers_of(profile)})),
    st.one_of(
        st.binary(max_size=200).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
        st.integers().map(str),
        st.sampled_from([value for profile in SIGNED for value in headers_of(profile).values()]),
    ),
)


@given(st.sampled_from(SIGNED), headers, st.binary(max_size=300))
def test_whatever_is_sent_is_proven_or_unproven_and_nothing_else(
    profile: WebhookProfile, sent: dict[str, str], body: bytes
) -> None:
    with suppress(Unproven):
        proven(profile, sent, webhook=replace(WEBHOOK, body=body))


@given(st.sampled_from(SIGNED), st.binary(max_size=300), st.integers(0, 10**9))
def test_whatever_body_is_signed_at_whatever_time_is_believed(profile: WebhookProfile, body: bytes, at: int) -> None:
    webhook = replace(WEBHOOK, body=body, at=float(at))
    proven(profile, headers_of(profile, webhook), webhook=webhook, now=float(at))


def test_hubspot_signs_the_public_address_with_its_own_escapes_decoded() -> None:
    headers = headers_of(P.HUBSPOT_V3)
    proven(P.HUBSPOT_V3, headers, webhook=replace(WEBHOOK, url=WEBHOOK.url.replace("%2F", "/").replace("%3a", ":")))
    for other in (WEBHOOK.url.replace("%41", "A"), WEBHOOK.url.replace("https", "http"), WEBHOOK.url + "&d=1"):
        with pytest.raises(Unproven):
            proven(P.HUBSPOT_V3, headers, webhook=replace(WEBHOOK, url=other))


def test_hubspots_second_version_takes_the_address_as_it_is() -> None:
    with pytest.raises(Unproven):
        proven(P.HUBSPOT_V2, headers_of(P.HUBSPOT_V2), webhook=replace(WEBHOOK, url=WEBHOOK.url.replace("%2F", "/")))


def test_any_signature_of_a_list_may_be_the_right_one() -> None:
    headers = headers_of(P.STANDARD)
    wrong = headers_of(P.STANDARD, replace(WEBHOOK, secret=OTHER_SECRET))["webhook-signature"]
    listed = f"v2,x {wrong} v1,!!! {headers['webhook-signature']}"
    proven(P.STANDARD, {**headers, "webhook-signature": listed})
    stripe = headers_of(P.STRIPE)["Stripe-Signature"]
    proven(P.STRIPE, {"Stripe-Signature": stripe.replace(",v1=", f",v1={'0' * 64}, v1=")})


def test_only_the_first_tokens_of_a_list_are_looked_at() -> None:
    headers = headers_of(P.STANDARD)
    with pytest.raises(Unproven):
        proven(P.STANDARD, {**headers, "webhook-signature": "v1,AAAA " * 500 + headers["webhook-signature"]})


def test_a_public_key_believes_its_own_private_key_only() -> None:
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public = {"whpk_" + b64encode(ours.public_key().public_bytes_raw()).decode(): 0.0}
    proven(P.STANDARD, standard_v1a(ours), secrets=public)
    for headers in (standard_v1a(theirs), standard_v1a(ours, replace(WEBHOOK, body=b"{}")), headers_of(P.STANDARD)):
        with pytest.raises(Unproven):
            proven(P.STANDARD, headers, secrets=public)


def test_a_public_key_is_no_secret_for_the_symmetric_signature() -> None:
    """Else whoever knows the public key could sign."""
    public = "whpk_" + b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    forged = headers_of(P.STANDARD, replace(WEBHOOK, secret=public))
    with pytest.raises(Unproven):
        proven(P.STANDARD, forged, secrets={public: 0.0})


@pytest.mark.parametrize(
    ("profile", "id"),
    [
        (P.STANDARD, "msg_1"), (P.ZENDESK, "msg_1"), (P.CHATWOOT, "msg_1"), (P.HUB256, "msg_1"), (P.SHOPIFY, "msg_1"),
        (P.SLACK, "Ev1"), (P.STRIPE, "evt_1"), (P.RDSTATION, "2f6c"), (P.HUBSPOT_V3, None), (P.SECRET, None),
    ],
)  # fmt: skip
def test_the_providers_own_name_is_found(profile: WebhookProfile, id: str | None) -> None:  # noqa: A002
    assert proven(profile, headers_of(profile)).id == id


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b'{"event_id": 7}',
        b'{"event_id": ""}',
        b"[" * 100_000,
        b'{"event_id": "' + b"x" * 600 + b'"}',
    ],
)
def test_a_body_without_a_name_has_none(body: bytes) -> None:
    webhook = replace(WEBHOOK, body=body)
    assert proven(P.SLACK, headers_of(P.SLACK, webhook), webhook=webhook).id is None


@pytest.mark.parametrize(
    ("profile", "secret"),
    [
        (P.STANDARD, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), (P.STANDARD, "whsec_="), (P.STANDARD, "whsec_AAAA"),
        (P.STANDARD, "whsec_!!!!" + "A" * 40), (P.STANDARD, "whpk_AAAA"), (P.STANDARD, "whsk_" + "A" * 43 + "="),
        (P.SLACK, "short"), (P.SLACK, "x" * 1025), (P.SECRET, "with\nbreak-in-it"), (P.SECRET, " padded-secret "),
        (P.SECRET, "señorita-secret"), (P.RDSTATION, ""),
    ],
)  # fmt: skip
def test_a_secret_that_could_prove_nothing_is_refused_without_a_word_of_it(
    profile: WebhookProfile, secret: str
) -> None:
    with pytest.raises(UnfitSecret) as told:
        key_of(PROFILES[profile], secret)
    assert not secret or secret not in str(told.value)


def test_no_secret_shows_in_what_is_printed() -> None:
    key = key_of(PROFILES[P.SLACK], "canary-secret-4711")
    assert "canary" not in repr(key)


def test_every_profile_is_declared_and_signs_its_body_and_time() -> None:
    assert set(PROFILES) == set(WebhookProfile) == {WebhookProfile(name) for name in SENDERS}
    for profile in PROFILES.values():
        for scheme in profile.schemes:
            assert (scheme.encoding is Encoding.PLAIN) == (scheme.proof is Proof.SAME)
            assert (not scheme.token.header) == (scheme.proof is Proof.SAME)


def test_bytes_that_are_no_utf_8_are_signed_as_they_came() -> None:
    name = b"msg_\xff\xfe".decode("utf-8", "surrogateescape")
    key = key_of(PROFILES[P.STANDARD], WEBHOOK.secret)
    stamp = str(int(NOW))
    content = b"msg_\xff\xfe." + stamp.encode() + b"." + WEBHOOK.body
    token = "v1," + b64encode(hmac.digest(key.material, content, "sha256")).decode()
    items = [("webhook-id", name), ("webhook-timestamp", stamp), ("webhook-signature", token)]
    assert presented_headers(items)["webhook-id"] == [b"msg_\xff\xfe"]
    proven(P.STANDARD, items)
