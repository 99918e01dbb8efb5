"""Server-sent events are read as the standard has them, however they are cut into pieces."""

from __future__ import annotations

import pytest

from edurelay_client.server_sent import ServerSent, ServerSentParser

TEXT = (
    b'retry: 1000\n\n: still here\n\nid: 7\nevent: note.uploaded\ndata: {"a":\ndata: 1}\n\n'
    b"event: gone\r\ndata:x\r\n\r\nid: 8\n\ndata: \xc3\xa9\n\n"
)
EVENTS = [
    ServerSent("7", "note.uploaded", '{"a":\n1}'),
    ServerSent(None, "gone", "x"),
    ServerSent(None, "message", "\u00e9"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_come_whole_whatever_the_pieces(size: int) -> None:
    parser = ServerSentParser()
    pieces = [TEXT[start : start + size] for start in range(0, len(TEXT), size)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


def test_what_is_not_whole_is_not_given() -> None:
    assert ServerSentParser().feed(b"id: 1\ndata: x\n") == []
