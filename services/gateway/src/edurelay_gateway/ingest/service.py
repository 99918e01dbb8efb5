"""The use case of ingest: who may send a connection webhooks has each of them kept once, and an answer at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from edurelay.events.envelope import Message, now
from edurelay.events.topics import INGEST
from edurelay.kafka.errors import KafkaUnavailable
from edurelay.messages.ingest import InboundWebhook
from edurelay.runtime.logging import get_logger
from edurelay.runtime.metrics import INBOUND_WEBHOOKS
from edurelay_gateway.admission import Admission
from edurelay_gateway.errors import InvalidSignature
from edurelay_gateway.ingest.addressees import Addressee, Addressees, Inbound
from edurelay_gateway.ingest.naming import kept_headers, repetition_key, webhook_id
from edurelay_gateway.ingest.replays import Replays
from edurelay_gateway.ingest.verification import Proven, member

#: How long a provider waits for its answer at the most, once its request is there.
ANSWER_SECONDS = 0.9

_log = get_logger(__name__)


class Log(Protocol):
    """The log that webhooks are written to."""

    async def send(self, message: Message) -> object:
        """Write one message. Raises `KafkaUnavailable`, `MessageTooLarge`."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The provider only asks whether somebody is here, and wants this text back."""

    text: str


class Ingest:
    """Takes in webhooks."""

    def __init__(
        self,
        addressees: Addressees,
        log: Log,
        admission: Admission,
        replays: Replays,
        *,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._addressees = addressees
        self._log = log
        self._admission = admission
        self._replays = replays
        self._answer_seconds = answer_seconds
        self._writing: set[asyncio.Task[None]] = set()

    async def take(self, inbound: Inbound) -> str | Challenge:
        """Write a webhook to the log; return the id under which it is known, the same for each repetition, or the
        challenge that it was.

        Raises `Missing`, `ConnectionInactive`, `InvalidSignature`, `MessageTooLarge`, and within `answer_seconds`
        `Overloaded`, `StoreSilent` or `KafkaUnavailable`. After the last of them it may still be written; a repetition
        is told what became of it.
        """
        deadline = asyncio.get_running_loop().time() + self._answer_seconds
        addressee = await self._addressees.find(inbound, deadline)
        proven = self._proven(addressee, inbound)
        challenge = _challenge(addressee, inbound.body)
        if challenge is not None:
            return challenge
        kept = kept_headers(inbound.headers.items(), addressee.header)
        key = repetition_key(addressee.profile, proven, inbound.body)
        taking = self._replays.find(inbound.connection_id, key) if key is not None else None
        if taking is not None:
            if taking.writing is not None:
                await self._written(taking.writing, deadline)
            INBOUND_WEBHOOKS.of("repeated").inc()
            return taking.id
        connection = addressee.connection
        webhook = InboundWebhook(
            id=webhook_id(connection.id, addressee.profile, proven, kept, inbound.body),
            tenant=connection.tenant,
            connection_id=connection.id,
            received_at=now(),
            headers=kept,
            body=inbound.body,
            profile=addressee.profile.name,
            verified=addressee.profile.verifies,
        )
        writing = self._begin(webhook)
        if key is not None:
            # A request may be dated ahead by the tolerance, and is believed until it is that much too old.
            self._replays.add(connection.id, key, webhook.id, writing, 2 * addressee.tolerance)
        await self._written(writing, deadline)
        INBOUND_WEBHOOKS.of("taken").inc()
        return webhook.id

    def _proven(self, addressee: Addressee, inbound: Inbound) -> Proven:
        try:
            return self._addressees.prove(addressee, inbound)
        except InvalidSignature as error:
            INBOUND_WEBHOOKS.of("refused").inc()
            profile = addressee.profile.name.value
            _log.info("a webhook was refused", connection=inbound.connection_id, profile=profile, reason=str(error))
            raise

    def _begin(self, webhook: InboundWebhook) -> asyncio.Task[None]:
        """Begin to write. The task may outlive the request: a repetition is told what it comes to."""
        writing = asyncio.create_task(self._write(webhook))
        self._writing.add(writing)
        writing.add_done_callback(self._ended)
        return writing

    async def _write(self, webhook: InboundWebhook) -> None:
        message = Message(INGEST.name, webhook.connection_id.encode(), webhook.body, webhook.to_headers())
        with self._admission.admit(1, len(webhook.body)):
            await self._log.send(message)

    def _ended(self, writing: asyncio.Task[None]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled():
            # Whoever waits hears of an error; where nobody does any more, it is not to be reported as one missed.
            writing.exception()

    async def _written(self, writing: asyncio.Task[None], deadline: float) -> None:
        """Wait for the writing's end. Raises what it raises, and `KafkaUnavailable` at the deadline."""
        await asyncio.wait({writing}, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        if not writing.done():
            raise KafkaUnavailable(f"not confirmed within {self._answer_seconds:g} s")
        writing.result()


def _challenge(addressee: Addressee, body: bytes) -> Challenge | None:
    handshake = addressee.profile.handshake
    if handshake is None or member(body, handshake.named) != handshake.value:
        return None
    text = member(body, handshake.challenge)
    return Challenge(text) if text is not None else None
