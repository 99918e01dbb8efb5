"""What waits in a document holds the whole message."""

from __future__ import annotations

from edurelay.events.envelope import Message
from edurelay.mongo.outbox import pending

MESSAGE = Message("edurelay.events", b"key", b'{"a": 1.10}', (("ce_id", b"evt_1"), ("ce_id", b"\xff")))


def test_a_message_waits_with_every_byte_of_it() -> None:
    (entry,) = pending(MESSAGE)
    assert (entry["topic"], entry["key"], entry["value"]) == ("edurelay.events", b"key", b'{"a": 1.10}')
    assert entry["headers"] == [["ce_id", b"evt_1"], ["ce_id", b"\xff"]]


def test_messages_wait_in_their_order_and_each_under_its_own_id() -> None:
    tombstone = Message("edurelay.connections", b"key", None)
    first, second, third = pending(MESSAGE, tombstone, MESSAGE)
    assert [first["value"], second["value"], third["value"]] == [MESSAGE.value, None, MESSAGE.value]
    assert len({first["id"], second["id"], third["id"]}) == 3
