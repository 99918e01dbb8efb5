"""How a webhook is named, what is kept of its headers, and what tells a repetition."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edurelay.messages.ingest import WebhookProfile
from edurelay_gateway.ingest.naming import kept_headers, repetition_key, webhook_id
from edurelay_gateway.ingest.profiles import PROFILES
from edurelay_gateway.ingest.verification import Proven
from edurelay_sandbox.webhooks import Webhook
from unit.gateway.webhooks import NOW, SIGNED, TIMED, UNTIMED, WEBHOOK, headers_of, proven

CONNECTION = "5b0c2b0e-0000-4000-8000-000000000001"

P = WebhookProfile


def name(connection_id: str, headers: dict[str, str], body: bytes) -> str:
    """The name of a webhook that proves nothing."""
    return webhook_id(connection_id, PROFILES[P.NONE], Proven(b"", None), headers, body)


def names(profile: WebhookProfile, webhook: Webhook) -> tuple[str, bytes | None]:
    """The name of a webhook that its provider sends, and what its repetitions share with it."""
    headers = headers_of(profile, webhook)
    told = proven(profile, headers, webhook=webhook, now=webhook.at)
    kept = kept_headers(headers.items())
    return (
        webhook_id(CONNECTION, PROFILES[profile], told, kept, webhook.body),
        repetition_key(PROFILES[profile], told, webhook.body),
    )


def test_a_webhook_that_the_provider_names_keeps_its_id_whatever_its_body() -> None:
    first = name(CONNECTION, {"webhook-id": "msg_1"}, b"one")
    assert first == name(CONNECTION, {"webhook-id": "msg_1"}, b"two")
    assert first != name(CONNECTION, {"webhook-id": "msg_2"}, b"one")


def test_a_nameless_webhook_is_named_by_its_body() -> None:
    assert name(CONNECTION, {}, b"one") == name(CONNECTION, {}, b"one")
    assert name(CONNECTION, {}, b"one") != name(CONNECTION, {}, b"two")


def test_the_same_webhook_of_two_connections_is_two() -> None:
    other = CONNECTION.replace("1", "2")
    assert name(CONNECTION, {"webhook-id": "m"}, b"") != name(other, {"webhook-id": "m"}, b"")


def test_the_providers_own_name_counts_before_one_that_a_proxy_may_have_given() -> None:
    headers = {"webhook-id": "msg_1", "x-request-id": "proxy-1"}
    assert name(CONNECTION, headers, b"") == name(CONNECTION, headers | {"x-request-id": "proxy-2"}, b"")


def test_a_body_cannot_take_the_name_of_a_header() -> None:
    assert name(CONNECTION, {"webhook-id": "x"}, b"") != name(CONNECTION, {"x-request-id": "x"}, b"")


@pytest.mark.parametrize("profile", SIGNED)
def test_the_same_request_again_is_a_repetition_with_the_same_name(profile: WebhookProfile) -> None:
    assert names(profile, WEBHOOK) == names(profile, WEBHOOK)


@pytest.mark.parametrize("profile", TIMED)
def test_another_attempt_at_the_same_webhook_has_the_same_name(profile: WebhookProfile) -> None:
    first, second = names(profile, WEBHOOK), names(profile, replace(WEBHOOK, at=NOW + 60))
    assert first[0] == second[0]
    named = profile in (P.STANDARD, P.SLACK, P.STRIPE)
    assert (first[1] == second[1]) is named


@pytest.mark.parametrize("profile", SIGNED)
def test_another_webhook_is_no_repetition(profile: WebhookProfile) -> None:
    other = replace(WEBHOOK, id="msg_2", body=WEBHOOK.body.replace(b"1", b"2").replace(b"2f6c", b"2f6d"))
    first, second = names(profile, WEBHOOK), names(profile, other)
    assert first[0] != second[0]
    assert first[1] is None or first[1] != second[1]


@pytest.mark.parametrize("profile", [P.SECRET, P.HUBSPOT_V1, P.HUBSPOT_V2])
def test_without_a_name_and_a_time_the_same_words_may_be_said_twice(profile: WebhookProfile) -> None:
    assert names(profile, WEBHOOK)[1] is None


@pytest.mark.parametrize("profile", [P.ZENDESK, P.CHATWOOT, P.HUB256, P.SHOPIFY])
def test_a_webhook_repeated_under_the_name_of_another_does_not_take_its_place(profile: WebhookProfile) -> None:
    """These providers do not sign the name."""
    awaited = replace(WEBHOOK, id="msg_2", body=b'{"the": "next"}')
    forged = replace(WEBHOOK, id="msg_2")
    assert names(profile, forged)[0] != names(profile, awaited)[0]
    assert names(profile, forged)[1] != names(profile, awaited)[1]


@pytest.mark.parametrize("profile", [P.ZENDESK, P.CHATWOOT])
def test_a_new_name_does_not_make_a_signed_request_another_one(profile: WebhookProfile) -> None:
    assert names(profile, replace(WEBHOOK, id="msg_2"))[1] == names(profile, WEBHOOK)[1]


def test_shopifys_webhooks_of_one_event_are_several() -> None:
    headers = {"x-shopify-event-id": "e", "x-shopify-webhook-id": "1"}
    assert name(CONNECTION, headers, b"") != name(CONNECTION, headers | {"x-shopify-webhook-id": "2"}, b"")


def test_a_header_of_the_usual_ones_names_no_webhook_of_a_provider_that_does_not_use_it() -> None:
    told = Proven(b"", None)
    ids = [webhook_id(CONNECTION, PROFILES[P.SLACK], told, {"x-request-id": each}, b"") for each in ("1", "2")]
    assert ids[0] == ids[1]


def test_names_are_kept_in_lower_case_and_repeated_headers_joined() -> None:
    assert kept_headers([("X-A", "1"), ("x-a", "2"), ("Content-Type", "text/xml")]) == {
        "x-a": "1, 2",
        "content-type": "text/xml",
    }


def test_credentials_and_matters_of_transport_are_not_kept() -> None:
    headers = [("Authorization", "Basic c2VjcmV0"), ("Cookie", "a=b"), ("Host", "h"), ("Transfer-Encoding", "chunked")]
    assert kept_headers(headers) == {}


def test_bytes_that_are_no_utf_8_are_replaced_and_not_passed_on() -> None:
    kept = kept_headers([("x-a", b"\xff\xfe".decode("utf-8", "surrogateescape"))])
    assert kept["x-a"].encode() == "\ufffd\ufffd".encode()


def test_the_header_that_holds_the_secret_itself_is_not_kept() -> None:
    assert kept_headers([("X-Token", "secret"), ("X-Kind", "k")], "x-token") == {"x-kind": "k"}


def test_the_profiles_without_a_time_are_as_they_are_tested_here() -> None:
    assert set(UNTIMED) == {P.HUBSPOT_V1, P.HUBSPOT_V2, P.RDSTATION, P.HUB256, P.SHOPIFY, P.SECRET}
