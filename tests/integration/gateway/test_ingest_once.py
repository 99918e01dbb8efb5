"""Taking a webhook once, and answering in time, while the log does what it likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from multidict import CIMultiDict

from edurelay.events.envelope import Message
from edurelay.kafka.errors import KafkaUnavailable, MessageTooLarge
from edurelay.messages.connections import ConnectionStatus
from edurelay.messages.ingest import WebhookProfile
from edurelay.mongo import Database
from edurelay.security.sealing import Sealer
from edurelay_gateway.admission import Admission
from edurelay_gateway.connections.models import SealedKey, StoredConnection, StoredWebhook
from edurelay_gateway.connections.secrets import ConnectionSecrets, hash_of
from edurelay_gateway.connections.store import CONNECTIONS, ConnectionStore
from edurelay_gateway.errors import Missing, Overloaded, StoreSilent
from edurelay_gateway.ingest.addressees import Addressees, Inbound
from edurelay_gateway.ingest.replays import Replays
from edurelay_gateway.ingest.service import Ingest
from edurelay_sandbox.webhooks import SENDERS, Webhook
from integration.gateway.world import SEAL_KEYS

CONNECTION = "5b0c2b0e-0000-4000-8000-000000000001"
SECRET = "whsec_Y2FuYXJ5LWluYm91bmQtc2VjcmV0LTQ3MTE="
MOMENT = "2026-01-01T00:00:00.000Z"


@dataclass
class Log:
    """The log: it takes what it is given once it is `open`, or raises `error`."""

    written: list[Message] = field(default_factory=list)
    asked: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def send(self, message: Message) -> None:
        """Take a message."""
        self.asked += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.written.append(message)


@pytest.fixture
async def addressees(mongo_uri: str, database_name: str) -> AsyncIterator[Addressees]:
    secrets = ConnectionSecrets(Sealer.from_keys(SEAL_KEYS))
    async with await Database.connect(mongo_uri, database_name, collections=[CONNECTIONS]) as database:
        store = ConnectionStore(database)
        key = SealedKey(sealed=secrets.seal_signing_secret("t", CONNECTION, SECRET))
        await store.of("t").insert(
            StoredConnection(
                id=CONNECTION,
                tenant="t",
                provider="MOODLE",
                name="n",
                config={},
                credentials=None,
                streams=None,
                status=ConnectionStatus.ACTIVE,
                version=1,
                webhook_secret="s",
                webhook_hash=hash_of("address"),
                webhook=StoredWebhook(profile=WebhookProfile.STANDARD, keys=[key], tolerance_seconds=300),
                created_at=MOMENT,
                updated_at=MOMENT,
            )
        )
        yield Addressees(store, secrets, public_url="https://hub.example")


def ingest(addressees: Addressees, log: Log, *, messages: int = 100, answer_seconds: float = 0.2) -> Ingest:
    admission = Admission(messages=messages, size=10**6)
    return Ingest(addressees, log, admission, Replays(), answer_seconds=answer_seconds)


def inbound(webhook: Webhook, **fields: Any) -> Inbound:
    headers = CIMultiDict(SENDERS["standard"](webhook))
    return replace(Inbound(CONNECTION, "address", "", headers, webhook.body), **fields)


@pytest.fixture
def webhook() -> Webhook:
    """A webhook that is sent now: one that was made when the tests began may be too old by its turn."""
    return Webhook(SECRET, "", b"{}", id="msg_1")


async def test_a_log_that_does_not_answer_is_not_waited_for(addressees: Addressees, webhook: Webhook) -> None:
    log = Log()
    taking = ingest(addressees, log)
    with pytest.raises(KafkaUnavailable):
        await asyncio.wait_for(taking.take(inbound(webhook)), 20)
    log.open.set()


async def test_a_repetition_joins_the_writing_that_is_under_way(addressees: Addressees, webhook: Webhook) -> None:
    """What was written too late for the first answer is not written again for the second."""
    log = Log()
    taking = ingest(addressees, log)
    for _ in range(2):
        with pytest.raises(KafkaUnavailable):
            await taking.take(inbound(webhook))
    log.open.set()
    assert await taking.take(inbound(webhook)) == await taking.take(inbound(webhook))
    assert (log.asked, len(log.written)) == (1, 1)


async def test_repetitions_at_the_same_moment_share_one_writing_and_its_outcome(
    addressees: Addressees, webhook: Webhook
) -> None:
    log = Log()
    log.open.set()
    taking = ingest(addressees, log, answer_seconds=20)
    # From here on the connection is remembered, so that all of them come as far as the writing before it ends.
    await taking.take(inbound(replace(webhook, id="before")))

    log.error = KafkaUnavailable("no")
    told = await asyncio.gather(*(taking.take(inbound(webhook)) for _ in range(5)), return_exceptions=True)
    assert {type(each) for each in told} == {KafkaUnavailable}
    assert log.asked == 2

    log.error = None
    assert len(set(await asyncio.gather(*(taking.take(inbound(webhook)) for _ in range(5))))) == 1
    assert (log.asked, len(log.written)) == (3, 2)


async def test_what_was_answered_late_still_counts_among_what_waits(addressees: Addressees, webhook: Webhook) -> None:
    """Else an outage would fill the memory with webhooks whose senders were told to come again."""
    log = Log()
    taking = ingest(addressees, log, messages=2)
    for number in range(2):
        with pytest.raises(KafkaUnavailable):
            await taking.take(inbound(replace(webhook, id=str(number))))
    with pytest.raises(Overloaded):
        await taking.take(inbound(replace(webhook, id="3")))
    assert log.asked == 2
    log.open.set()
    await taking.take(inbound(replace(webhook, id="0")))
    await taking.take(inbound(replace(webhook, id="3")))


async def test_a_message_that_is_too_large_is_told_so_each_time(addressees: Addressees, webhook: Webhook) -> None:
    log = Log(error=MessageTooLarge("no"))
    log.open.set()
    taking = ingest(addressees, log)
    for _ in range(2):
        with pytest.raises(MessageTooLarge):
            await taking.take(inbound(webhook))


async def test_a_database_that_does_not_answer_is_not_waited_for(webhook: Webhook) -> None:
    class Silent:
        async def find_addressed(self, connection_id: str) -> None:
            await asyncio.Event().wait()

    secrets = ConnectionSecrets(Sealer.from_keys(SEAL_KEYS))
    silent = Addressees(Silent(), secrets, public_url="")
    with pytest.raises(StoreSilent):
        await asyncio.wait_for(ingest(silent, Log()).take(inbound(webhook)), 20)


async def test_a_wrong_address_is_compared_as_often_as_a_right_one(
    addressees: Addressees, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the time of an answer does not tell whether a connection exists."""
    compared: list[str] = []

    def compare(presented: str, kept: str) -> bool:
        compared.append(kept)
        return presented == kept

    monkeypatch.setattr("edurelay_gateway.connections.secrets.hmac.compare_digest", compare)
    counts = []
    for connection, secret in ((CONNECTION, "wrong"), (CONNECTION.replace("1", "2"), "address"), ("nonsense", "x")):
        with pytest.raises(Missing):
            await addressees.find(inbound(webhook, connection_id=connection, secret=secret), 10.0**9)
        counts.append(len(compared))
        compared.clear()
    assert counts == [5, 5, 5]
