"""What is kept of an attempt tells what happened, and no secret."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from edurelay_webhook_dispatcher.attempts import Attempt
from edurelay_webhook_dispatcher.history import (
    GOT_BYTES,
    GOT_BYTES_OF_SUCCESS,
    MASKED,
    headers_of,
    kept,
    shown_of_answer,
    shown_of_request,
)
from edurelay_webhook_dispatcher.views import AttemptView


def test_only_what_the_sender_itself_sets_is_shown_of_a_request() -> None:
    sent = {
        "Authorization": "Bearer secret",
        "X-Api-Key": "secret",
        "Cookie": "secret",
        "anything-else": "secret",
        "content-type": "application/json",
        "webhook-id": "evt_1",
        "webhook-signature": "v1,abc",
        "x-hub-signature-256": "sha256=abc",
        "traceparent": "00-1-2-01",
    }
    shown = shown_of_request(sent)
    assert shown.keys() == sent.keys()
    assert [name for name, value in shown.items() if value == MASKED] == list(sent)[:4]
    assert "secret" not in str(shown)


def test_what_a_receiver_keeps_secret_is_masked_in_its_answer() -> None:
    shown = shown_of_answer({"Server": "x", "Set-Cookie": "session=secret"}, GOT_BYTES)
    assert shown == {"server": "x", "set-cookie": MASKED}


def test_headers_of_one_name_are_shown_as_one() -> None:
    assert shown_of_answer(CIMultiDict([("Vary", "a"), ("via", "v"), ("vary", "b")]), 100) == {
        "vary": "a, b",
        "via": "v",
    }


names = st.text(st.characters(codec="latin-1", exclude_characters=":"), min_size=1, max_size=40)
values = st.one_of(st.text(max_size=20), st.just("v" * 3000))


@given(st.dictionaries(names, values, max_size=12), st.sampled_from([GOT_BYTES, GOT_BYTES_OF_SUCCESS]))
def test_an_answers_headers_are_bounded_and_come_back_from_the_store(headers: dict[str, str], room: int) -> None:
    shown = shown_of_answer(headers, room)
    assert sum(map(len, shown)) + sum(map(len, shown.values())) <= room
    stored = kept(1, Attempt(0.0, 0.1, status=200, got=shown))
    assert headers_of(stored.get("got", "")) == shown
    stored.get("got", "").encode()


def test_an_attempt_is_shown_as_it_was() -> None:
    sent, got, phases = {"webhook-id": "e"}, {"server": "x"}, {"send": 0.123, "wait": 1.0, "read": 0.5}
    view = AttemptView.of(kept(7, Attempt(0.0, 0.0016, 503, excerpt="no", sent=sent, got=got, phases=phases)))
    assert (view.number, view.status_code, view.response_excerpt, view.outcome) == (7, 503, "no", "failed")
    assert (view.request_headers, view.response_headers) == (sent, got)
    assert (view.timing_ms, view.connection_reused) == ({"send": 0.12, "wait": 1.0, "read": 0.5}, True)


def test_of_an_attempt_that_was_not_made_nothing_is_said_of_its_connection() -> None:
    view = AttemptView.of(kept(1, Attempt(0.0, 0.0, error="not sent")))
    assert (view.timing_ms, view.connection_reused) == ({}, None)


def test_a_delivery_that_arrives_at_once_costs_less_than_a_kilobyte() -> None:
    sent = {"content-type": "application/json", "webhook-id": "e" * 36, "webhook-timestamp": "1" * 10}
    sent |= {"webhook-signature": "v1," + "s" * 44, "traceparent": "t" * 55}
    got = shown_of_answer({"h" * 10 + str(n): "v" * 50 for n in range(20)}, GOT_BYTES_OF_SUCCESS)
    phases = dict.fromkeys(("lookup", "connect", "tls", "send", "wait", "read"), 1.23456)
    assert len(str(kept(1, Attempt(0.0, 0.1, status=200, sent=sent, got=got, phases=phases)))) < 1000
