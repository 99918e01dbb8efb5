"""How a connection may ask for its webhooks to be verified, and how what protects them is replaced."""

from __future__ import annotations

from typing import Any

import pytest

from edurelay.messages.ingest import WebhookProfile
from edurelay.security.sealing import Sealer, new_sealing_key
from edurelay_gateway.connections.models import FormerAddress, SealedKey, StoredWebhook, WebhookSettings
from edurelay_gateway.connections.secrets import MAX_LIVE, ConnectionSecrets, hash_of, is_one_of
from edurelay_gateway.connections.webhooks import WebhookRules, ending
from edurelay_gateway.errors import InvalidWebhook, TooManySecrets

NOW = 1_000_000.0
SLACK = {"profile": "slack", "secrets": ["slack-secret-1"]}

SECRETS = ConnectionSecrets(Sealer.from_keys(new_sealing_key("k1")))


class Providers:
    """MOODLE declares a profile; nobody else does."""

    async def webhook_profile(self, provider: str) -> WebhookProfile | None:
        return WebhookProfile.STANDARD if provider == "MOODLE" else None


async def decided(
    wanted: dict[str, Any], seen: StoredWebhook | None = None, *, provider: str = "X", public_url: str = "https://hub"
) -> StoredWebhook | None:
    rules = WebhookRules(SECRETS, Providers(), public_url=public_url)
    return await rules.decide("t", "c", provider, WebhookSettings(**wanted), seen)


async def made(wanted: dict[str, Any]) -> StoredWebhook:
    webhook = await decided(wanted)
    assert webhook is not None
    return webhook


def opened(webhook: StoredWebhook | None) -> list[str]:
    assert webhook is not None
    return [SECRETS.signing_secret("t", "c", key.sealed) for key in webhook.keys]


async def test_secrets_are_sealed_for_their_connection_and_purpose() -> None:
    webhook = await made(SLACK)
    assert opened(webhook) == ["slack-secret-1"]
    assert "slack-secret" not in webhook.model_dump_json()
    assert (webhook.tolerance_seconds, webhook.header) == (300, None)


async def test_a_connector_may_declare_the_profile() -> None:
    webhook = await decided({"secrets": ["whsec_" + "A" * 32]}, provider="MOODLE")
    assert webhook is not None
    assert webhook.profile is WebhookProfile.STANDARD


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"secrets": ["a-secret-1"]}, "webhook.profile"),
        ({"profile": "slack"}, "webhook.secrets"),
        ({"profile": "slack", "secrets": ["x" * 2000]}, "webhook.secrets[0]"),
        ({"profile": "standard", "secrets": ["whsec_" + "A" * 32, "slack-secret-1"]}, "webhook.secrets[1]"),
        ({**SLACK, "header": "X-Token"}, "webhook.header"),
        ({"profile": "rdstation", "secrets": ["a-secret-1"]}, "webhook.header"),
        ({"profile": "secret", "secrets": ["a-secret-1"]}, "webhook.header"),
        ({"profile": "none", "secrets": ["a-secret-1"]}, "webhook.secrets"),
        ({"profile": "none", "header": "X-Token"}, "webhook.header"),
    ],
)
async def test_what_could_not_be_verified_is_refused_by_its_field(wanted: dict[str, Any], field: str) -> None:
    settings = WebhookSettings.model_construct(**{"header": None, "secrets": None, "profile": None, **wanted})
    if settings.profile is not None:
        settings.profile = WebhookProfile(settings.profile)
    rules = WebhookRules(SECRETS, Providers(), public_url="https://hub")
    with pytest.raises(InvalidWebhook) as told:
        await rules.decide("t", "c", "X", settings, None)
    assert told.value.field == field
    assert "a-secret-1" not in str(told.value)


@pytest.mark.parametrize("profile", ["hubspot_v3", "hubspot_v2"])
async def test_a_signed_address_needs_the_setting_that_says_it(profile: str) -> None:
    with pytest.raises(InvalidWebhook, match="EDURELAY_PUBLIC_URL"):
        await decided({"profile": profile, "secrets": ["a-secret-1"]}, public_url="")


async def test_what_a_change_leaves_out_stays() -> None:
    wanted = {"profile": "secret", "secrets": ["a-secret-1"], "header": "X-Token", "tolerance_seconds": 60}
    seen = await made(wanted)
    assert seen.header == "x-token"
    assert await decided({"tolerance_seconds": 90}, seen) == seen.model_copy(update={"tolerance_seconds": 90})
    assert await decided({"header": "X-Other"}, seen) == seen.model_copy(update={"header": "x-other"})
    assert opened(await decided({"secrets": ["a-secret-2"]}, seen)) == ["a-secret-2"]


async def test_another_profile_takes_over_nothing() -> None:
    seen = await made({"profile": "secret", "secrets": ["a-secret-1"], "header": "X-Token", "tolerance_seconds": 60})
    with pytest.raises(InvalidWebhook) as told:
        await decided({"profile": "slack"}, seen)
    assert told.value.field == "webhook.secrets"
    changed = await decided(SLACK, seen)
    assert changed is not None
    assert (changed.header, changed.tolerance_seconds) == (None, 300)


async def test_the_profile_none_is_no_verification() -> None:
    assert await decided({"profile": "none"}, await made(SLACK)) is None


def test_the_view_shows_no_key_and_only_what_counts() -> None:
    keys = [SealedKey(sealed="a"), SealedKey(sealed="b", expires=NOW + 1), SealedKey(sealed="c", expires=NOW)]
    view = StoredWebhook(profile=WebhookProfile.SLACK, keys=keys, tolerance_seconds=300).view(NOW)
    assert [secret.model_dump() for secret in view.secrets] == [
        {"expires_at": None},
        {"expires_at": "1970-01-12T13:46:41.000Z"},
    ]


def test_what_is_replaced_counts_until_the_overlap_ends_and_no_second_time() -> None:
    kept = [SealedKey(sealed="a"), SealedKey(sealed="b", expires=NOW + 5), SealedKey(sealed="c", expires=NOW - 5)]
    assert ending(kept, now=NOW, overlap=60) == [
        SealedKey(sealed="a", expires=NOW + 60),
        SealedKey(sealed="b", expires=NOW + 5),
    ]
    assert ending(kept, now=NOW, overlap=0) == []


def test_there_is_an_end_to_what_overlaps() -> None:
    with pytest.raises(TooManySecrets, match="this connection"):
        ending([FormerAddress(hash="h")] * MAX_LIVE, now=NOW, overlap=60)
    assert len(ending([FormerAddress(hash="h")] * (MAX_LIVE - 1), now=NOW, overlap=60)) == MAX_LIVE - 1


@pytest.mark.parametrize("presented", ["", "x", "\udcff", "nobody", "a" * 100_000])
def test_an_address_that_is_nobodys_opens_for_nothing(presented: str) -> None:
    assert not is_one_of(presented, ())
    assert not is_one_of(presented, [hash_of("other")])


def test_each_address_that_counts_opens() -> None:
    hashes = [hash_of(str(number)) for number in range(MAX_LIVE)]
    assert [is_one_of(str(number), hashes) for number in range(MAX_LIVE + 1)] == [True] * MAX_LIVE + [False]
