"""Sealing keeps a secret, to its owner, under a named key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edurelay.security.sealing import Sealer, SealingKeyError, Unsealable, new_sealing_key

OLD = "k1:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0="
NEW = new_sealing_key("k2")


@given(st.binary(), st.text())
def test_what_is_sealed_comes_back_for_the_same_context(plaintext: bytes, context: str) -> None:
    sealer = Sealer.from_keys(OLD)
    assert sealer.unseal(sealer.seal(plaintext, context), context) == plaintext


@given(st.text(), st.text())
def test_another_owner_cannot_open_it(context: str, other: str) -> None:
    sealer = Sealer.from_keys(OLD)
    sealed = sealer.seal(b"token", context)
    if other != context:
        with pytest.raises(Unsealable):
            sealer.unseal(sealed, other)


def test_the_text_names_version_and_key_and_hides_the_rest() -> None:
    sealed = Sealer.from_keys(OLD).seal(b"opensesame", "tenant/connection")
    version, key_id, payload = sealed.split(".")
    assert (version, key_id) == ("v1", "k1")
    assert "opensesame" not in payload


def test_two_sealings_of_one_secret_differ() -> None:
    sealer = Sealer.from_keys(OLD)
    assert sealer.seal(b"same", "c") != sealer.seal(b"same", "c")


@given(st.data())
def test_any_changed_character_is_noticed(data: st.DataObject) -> None:
    sealer = Sealer.from_keys(OLD)
    # 30 bytes of nonce, text and tag fill the base64 exactly: no character holds bits that do not count.
    sealed = sealer.seal(b"ab", "c")
    place = data.draw(st.integers(0, len(sealed) - 1))
    replacement = data.draw(st.characters(codec="ascii").filter(lambda char: char != sealed[place]))
    with pytest.raises(Unsealable):
        sealer.unseal(sealed[:place] + replacement + sealed[place + 1 :], "c")


@pytest.mark.parametrize(
    "text", ["", "v1", "v1.k1.", "v1.k1.AAAA", "v2.k1.AAAAAAAAAAAAAAAA", "v1.k1.A", "v1.k1.ü", "v1..A"]
)
def test_a_text_that_is_no_sealed_text_is_refused(text: str) -> None:
    sealer = Sealer.from_keys(OLD)
    with pytest.raises(Unsealable):
        sealer.unseal(text, "c")
    with pytest.raises(Unsealable):
        Sealer.from_keys(f"{NEW},{OLD}").unseal(text, "c")


def test_after_rotation_old_texts_open_and_are_known_as_old() -> None:
    before = Sealer.from_keys(OLD)
    after = Sealer.from_keys(f"{NEW}, {OLD}")
    old = before.seal(b"token", "c")
    assert after.unseal(old, "c") == b"token"
    assert after.needs_rotation(old)
    new = after.seal(b"token", "c")
    assert not after.needs_rotation(new)
    with pytest.raises(Unsealable, match="k2"):
        before.unseal(new, "c")


def test_a_key_id_in_the_text_cannot_be_exchanged_for_another() -> None:
    key = OLD.partition(":")[2]
    sealer = Sealer.from_keys(f"k1:{key},k2:{key}")
    sealed = sealer.seal(b"token", "c")
    with pytest.raises(Unsealable):
        sealer.unseal(sealed.replace("v1.k1.", "v1.k2."), "c")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        "k1:",
        ":AAAA",
        "k1:c2VjcmV0",
        "k1:not base64!",
        "k.1:" + "A" * 43 + "=",
        f"{OLD},",
        f"{OLD},{OLD}",
        "k1:" + "é" * 43 + "=",
    ],
)
def test_unusable_keys_are_an_error_that_does_not_quote_them(text: str) -> None:
    with pytest.raises(SealingKeyError) as caught:
        Sealer.from_keys(text)
    secret_part = text.partition(":")[2]
    assert not secret_part or secret_part not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_sealer_shows_no_key() -> None:
    assert OLD.partition(":")[2] not in repr(vars(Sealer.from_keys(OLD)))
