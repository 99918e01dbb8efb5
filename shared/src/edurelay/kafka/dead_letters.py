"""Dead letters: what could not be processed is kept as it came, with where it came from and what was wrong."""

from __future__ import annotations

import traceback
from hashlib import blake2b
from typing import Protocol

from edurelay.events.envelope import Message, now
from edurelay.kafka.errors import MessageTooLarge
from edurelay.kafka.handler import Received
from edurelay.runtime import metrics
from edurelay.runtime.logging import get_logger
from edurelay.runtime.secrets import without_secrets

_log = get_logger(__name__)

#: Every header of ours begins with this, and is replaced if the message becomes a dead letter again.
PREFIX = "dlq-"

#: How much of an error's text is kept.
_ERROR_CHARACTERS = 2000


class Sender(Protocol):
    """What dead letters need of a producer."""

    async def send(self, message: Message) -> object:
        """Return once the message is acknowledged."""


class DeadLetters:
    """Writes to `<topic>.dlq`."""

    def __init__(self, producer: Sender) -> None:
        self._producer = producer

    async def send(
        self, received: Received, *, reason: str, error: BaseException | None = None, attempts: int = 1
    ) -> None:
        """Keep a message for good: its key, value and headers, and headers that say where it was and what failed.

        Returns once it is acknowledged. Raises `KafkaUnavailable`, and then the message must not be passed over.
        """
        message = Message(
            f"{received.topic}.dlq",
            received.key,
            received.value,
            [
                *((name, text) for name, text in received.headers if not name.startswith(PREFIX)),
                *_headers(received, reason, error, attempts),
            ],
        )
        try:
            await self._producer.send(message)
        except MessageTooLarge:
            # The copy is a little larger than the original. Its place in the source topic still leads to the value.
            await self._producer.send(
                Message(message.topic, message.key, None, [*message.headers, (f"{PREFIX}value-left-out", b"too large")])
            )
        metrics.DEAD_LETTERS.of(received.topic, reason).inc()
        _log.warning(
            "a message became a dead letter",
            topic=received.topic,
            partition=received.partition,
            offset=received.offset,
            reason=reason,
            attempts=attempts,
            error=_text(error) if error is not None else None,
        )


def _headers(received: Received, reason: str, error: BaseException | None, attempts: int) -> list[tuple[str, bytes]]:
    facts = {
        "topic": received.topic,
        "partition": str(received.partition),
        "offset": str(received.offset),
        "timestamp": str(received.timestamp),
        "reason": reason,
        "attempts": str(attempts),
        "at": now(),
    }
    if error is not None:
        facts["error"] = _text(error)
        facts["error-hash"] = _hash(error)
    return [(PREFIX + name, text.encode()) for name, text in facts.items()]


def _text(error: BaseException) -> str:
    # An error's text may quote the message, and a message may hold what UTF-8 cannot say.
    text = f"{type(error).__name__}: {error}".encode(errors="replace").decode()
    return without_secrets(text)[:_ERROR_CHARACTERS]


def _hash(error: BaseException) -> str:
    """Return a short text that is the same for errors of the same kind from the same place in the code."""
    frames = traceback.extract_tb(error.__traceback__)
    place = ";".join(f"{frame.filename}:{frame.name}" for frame in frames)
    return blake2b(f"{type(error).__qualname__};{place}".encode(), digest_size=8).hexdigest()
