"""How a webhook is named, and what is kept of its headers."""

from __future__ import annotations

from edurelay_gateway.ingest.service import kept_headers, webhook_id

CONNECTION = "5b0c2b0e-0000-4000-8000-000000000001"


def test_a_webhook_that_the_provider_names_keeps_its_id_whatever_its_body() -> None:
    first = webhook_id(CONNECTION, {"webhook-id": "msg_1"}, b"one")
    assert first == webhook_id(CONNECTION, {"webhook-id": "msg_1"}, b"two")
    assert first != webhook_id(CONNECTION, {"webhook-id": "msg_2"}, b"one")


def test_a_nameless_webhook_is_named_by_its_body() -> None:
    assert webhook_id(CONNECTION, {}, b"one") == webhook_id(CONNECTION, {}, b"one")
    assert webhook_id(CONNECTION, {}, b"one") != webhook_id(CONNECTION, {}, b"two")


def test_the_same_webhook_of_two_connections_is_two() -> None:
    other = CONNECTION.replace("1", "2")
    assert webhook_id(CONNECTION, {"webhook-id": "m"}, b"") != webhook_id(other, {"webhook-id": "m"}, b"")


def test_the_providers_own_name_counts_before_one_that_a_proxy_may_have_given() -> None:
    headers = {"webhook-id": "msg_1", "x-request-id": "proxy-1"}
    assert webhook_id(CONNECTION, headers, b"") == webhook_id(CONNECTION, headers | {"x-request-id": "proxy-2"}, b"")


def test_a_body_cannot_take_the_name_of_a_header() -> None:
    assert webhook_id(CONNECTION, {"webhook-id": "x"}, b"") != webhook_id(CONNECTION, {"x-request-id": "x"}, b"")


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
