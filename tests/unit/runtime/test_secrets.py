"""The second wall for secrets: by a field's name, by a value's type, by how a text looks."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from edurelay.runtime.secrets import REDACTED, redact, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mongodb://hub:canary@db:27017/x", "mongodb://[redacted]@db:27017/x"),
        ("Authorization: Bearer canary.canary", "Authorization: Bearer [redacted]"),
        ("signed with whsec_Y2FuYXJ5/+==, twice", "signed with whsec_[redacted], twice"),
        ("signed with whsk_Y2FuYXJ5/+== too", "signed with whsk_[redacted] too"),
        (
            "bad key: -----BEGIN EC PRIVATE KEY-----\ncanary\n-----END EC PRIVATE KEY-----",
            "bad key: -----BEGIN EC PRIVATE KEY-----[redacted]-----END EC PRIVATE KEY-----",
        ),
        ("cut off: -----BEGIN PRIVATE KEY-----\ncanary", "cut off: -----BEGIN PRIVATE KEY-----[redacted]"),
        ("key edr_0a1b2c3d_canary_crc refused", "key edr_0a1b2c3d_[redacted] refused"),
        ("GET /rest?wstoken=canary&f=1 failed", "GET /rest?wstoken=[redacted]&f=1 failed"),
        ("nothing to hide: a@b.example, 3 of 4", "nothing to hide: a@b.example, 3 of 4"),
    ],
)
def test_a_text_loses_what_looks_like_a_secret(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_a_field_is_hidden_for_its_name_at_any_depth() -> None:
    fields = {
        "connection": {"Credentials": {"user": "u", "pass": "p"}, "name": "Moodle"},
        "api_key": "canary",
        "password": None,
    }
    assert redact(fields) == {
        "connection": {"Credentials": REDACTED, "name": "Moodle"},
        "api_key": REDACTED,
        "password": None,
    }


def test_a_secret_is_hidden_for_its_type() -> None:
    assert redact({"value": [SecretStr("canary"), 5, 1.5, True]}) == {"value": [REDACTED, 5, 1.5, True]}


def test_other_objects_are_shown_as_text_without_their_secrets() -> None:
    assert redact({"error": ValueError("no mongodb://a:canary@db")}) == {"error": "no mongodb://[redacted]@db"}
    assert redact({"raw": b"Bearer canary-canary"}) == {"raw": "Bearer [redacted]"}
