"""The handler that processes one message at a time for each key keeps the contract of handlers."""

from __future__ import annotations

import pytest

from contract.handler_contract import HandlerContract, Subject
from edurelay.events.envelope import Message
from edurelay.kafka.dead_letters import DeadLetters
from edurelay.kafka.handler import Received
from edurelay.kafka.keyed import KeyedHandler
from edurelay.messages.base import MalformedMessage


class Shelf:
    """Takes dead letters."""

    async def send(self, message: Message) -> None:
        """Take it."""


class KeyedSubject:
    """A keyed handler that counts in decimal."""

    topic = "edurelay.commands"

    def __init__(self) -> None:
        async def process(received: Received) -> None:
            if not (received.value or b"").isdigit():
                raise MalformedMessage("not a number")

        self.handler = KeyedHandler(process, dead_letters=DeadLetters(Shelf()))

    def good(self, number: int) -> tuple[bytes, bytes]:
        """A number."""
        return b"key-%d" % (number % 3), b"%d" % number

    def malformed(self) -> bytes:
        """No number."""
        return b"{"


class TestKeyedHandler(HandlerContract):
    """Every rule of the contract."""

    @pytest.fixture
    def subject(self) -> Subject:
        return KeyedSubject()
