"""What a receiver gets: headers of every profile and algorithm, over the very bytes that come."""

from __future__ import annotations

import time
from itertools import chain, combinations

import pytest

from e2e.receivers import Receiver, Request
from edurelay.events.envelope import Event
from edurelay.messages.subscriptions import BodyFormat, SignatureAlgorithm, SignatureProfile
from edurelay.security.ed25519 import is_signed, new_private_key, public_key
from edurelay.security.signatures import (
    SignatureInvalid,
    hub256_signature,
    new_secret,
    skillpassport_signature,
    verify_standard,
)
from edurelay_webhook_dispatcher.body import body_of
from edurelay_webhook_dispatcher.sender import Sender
from integration.dispatcher.sending import BODY, endpoint, work

EVENT = Event("evt_1", "a.b", "/edurelay", "north", "t", b'{ "n": 1.10 }', subject="s1")
UNIONS = list(chain.from_iterable(combinations(SignatureProfile, size) for size in (1, 2, 3)))
V1, V1A = SignatureAlgorithm.V1, SignatureAlgorithm.V1A


def verified(request: Request, key: str) -> bool:
    try:
        verify_standard(request.headers, request.body, [key], now=time.time())
    except SignatureInvalid:
        return False
    return True


@pytest.mark.parametrize("algorithms", [[V1], [V1A], [V1A, V1]], ids="-".join)
@pytest.mark.parametrize("profiles", UNIONS, ids="-".join)
async def test_every_union_of_profiles_is_there_and_each_part_verifies_by_itself(
    sender: Sender, receiver: Receiver, profiles: tuple[SignatureProfile, ...], algorithms: list[SignatureAlgorithm]
) -> None:
    secret, key = new_secret(), new_private_key()
    target = endpoint(
        receiver.url,
        secrets=[(secret, 0)],
        signing_keys=[(key, 0)],
        signature_profiles=list(profiles),
        signature_algorithms=algorithms,
    )
    assert (await sender.attempt(target, work())).status == 204
    [request] = receiver.requests
    headers = request.headers
    assert request.body == BODY
    assert headers["webhook-id"] == "evt_1"
    if SignatureProfile.STANDARD in profiles:
        assert verified(request, secret) == (V1 in algorithms)
        assert verified(request, public_key(key)) == (V1A in algorithms)
        kinds = [token.split(",")[0] for token in headers["webhook-signature"].split(" ")]
        assert kinds == [each for each in ("v1", "v1a") if each in algorithms]
    # The older headers are always keyed with the secret.
    expected = {
        "x-skillpassport-signature": skillpassport_signature(BODY, secret),
        "x-hub-signature-256": hub256_signature(BODY, secret),
    }
    wanted = {"x-skillpassport-signature": SignatureProfile.SKILLPASSPORT, "x-hub-signature-256": "hub256"}
    assert {name: headers.get(name) for name in expected} == {
        name: value if wanted[name] in profiles else None for name, value in expected.items()
    }
    assert ("webhook-signature" in headers) == (SignatureProfile.STANDARD in profiles)


async def test_while_secret_and_key_rotate_both_generations_sign_and_the_current_one_comes_first(
    sender: Sender, receiver: Receiver
) -> None:
    later, earlier = time.time() + 60, time.time() - 60
    secrets, keys = [new_secret() for _ in range(3)], [new_private_key() for _ in range(3)]
    ends = (0, later, earlier)
    target = endpoint(
        receiver.url,
        secrets=list(zip(secrets, ends, strict=True)),
        signing_keys=list(zip(keys, ends, strict=True)),
        signature_algorithms=[V1, V1A],
    )
    await sender.attempt(target, work())
    [request] = receiver.requests
    assert [verified(request, secret) for secret in secrets] == [True, True, False]
    assert [verified(request, public_key(key)) for key in keys] == [True, True, False]
    tokens = request.headers["webhook-signature"].split(" ")
    assert [token.split(",")[0] for token in tokens] == ["v1", "v1", "v1a", "v1a"]
    signed = f"evt_1.{request.headers['webhook-timestamp']}.".encode() + request.body
    assert is_signed(public_key(keys[0]), signed, tokens[2])


@pytest.mark.parametrize(
    ("body_format", "content_type"),
    [(BodyFormat.EDURELAY, "application/json"), (BodyFormat.CLOUDEVENTS, "application/cloudevents+json")],
)
async def test_a_pending_delivery_keeps_its_bytes_and_their_type_whatever_its_endpoint_chose_since(
    sender: Sender, receiver: Receiver, body_format: BodyFormat, content_type: str
) -> None:
    body = body_of(EVENT, body_format)
    for chosen in BodyFormat:
        assert (await sender.attempt(endpoint(receiver.url, body_format=chosen), work(body))).status == 204
    assert [request.body for request in receiver.requests] == [body, body]
    assert [request.headers["content-type"] for request in receiver.requests] == [content_type] * 2
