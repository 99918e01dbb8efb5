"""Cursors: opaque to clients, and nothing but what we put in."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.web.paging import decode_cursor, encode_cursor
from edurelay.web.problems import Problem

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)


def forged(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode()


@given(TEXTS, st.integers(-(2**63), 2**63 - 1))
def test_a_cursor_gives_back_its_values(text: str, number: int) -> None:
    cursor = encode_cursor(text, number)
    assert decode_cursor(cursor, str, int) == [text, number]
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "!",
        "é",
        "AAAA",
        forged(b"["),
        forged(b"5"),
        forged(b"[]"),
        forged(b'{"$gt":""}'),
        forged(b'[{"$gt":""},1]'),
        forged(b'["a",true]'),
        forged(b'["a",1.0]'),
        forged(b'["a",1,2]'),
        forged(b'["a",9223372036854775808]'),
        forged(b'["a\\u0000",1]'),
        forged(b"[" * 5000),
    ],
)
def test_anything_else_is_a_400(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        decode_cursor(cursor, str, int)
    assert (refused.value.status, refused.value.code, refused.value.field) == (400, "invalid_cursor", "cursor")
