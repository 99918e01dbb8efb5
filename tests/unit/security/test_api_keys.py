"""An API key is shown once, recognised for ever, and kept only as a hash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.security.api_keys import matches, new_api_key, parse_api_key


def test_a_new_key_has_the_documented_form() -> None:
    prefix, short_id, secret, checksum = new_api_key().text.split("_")
    assert prefix == "edr"
    assert len(short_id) == 8
    assert int(short_id, 16) >= 0
    assert len(secret) == 43
    assert secret.isalnum()
    assert secret.isascii()
    assert len(checksum) == 8


def test_a_key_parses_to_its_short_id_and_matches_its_hash() -> None:
    key = new_api_key()
    parsed = parse_api_key(key.text)
    assert parsed is not None
    assert parsed.short_id == key.short_id
    assert matches(parsed, key.hash)


def test_a_key_does_not_match_another_keys_hash() -> None:
    parsed = parse_api_key(new_api_key().text)
    assert parsed is not None
    assert not matches(parsed, new_api_key().hash)
    assert not matches(parsed, "")


def test_keys_are_all_different() -> None:
    keys = [new_api_key() for _ in range(200)]
    assert len({key.text for key in keys}) == len({key.hash for key in keys}) == 200


@given(st.data())
def test_any_mistyped_character_is_noticed_before_any_look_up(data: st.DataObject) -> None:
    text = new_api_key().text
    place = data.draw(st.integers(0, len(text) - 1))
    replacement = data.draw(st.characters().filter(lambda char: char != text[place]))
    assert parse_api_key(text[:place] + replacement + text[place + 1 :]) is None


@given(st.text())
def test_no_text_makes_the_parser_fail(text: str) -> None:
    assert parse_api_key(text) is None


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text + "\n", lambda text: " " + text, lambda text: text[:-1]]
)
def test_only_the_exact_text_is_a_key(change) -> None:  # type: ignore[no-untyped-def]
    assert parse_api_key(change(new_api_key().text)) is None


def test_neither_part_shows_the_secret_when_printed() -> None:
    key = new_api_key()
    parsed = parse_api_key(key.text)
    secret = key.text.split("_")[2]
    assert secret not in repr(key)
    assert secret not in repr(parsed)
    assert secret not in key.hash
