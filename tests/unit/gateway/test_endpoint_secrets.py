"""Replacing signing secrets."""

from __future__ import annotations

import pytest

from edurelay_gateway.endpoints.models import StoredSecret
from edurelay_gateway.endpoints.secrets import MAX_LIVE, rotated
from edurelay_gateway.errors import TooManySecrets

NOW = 1_000_000.0


def test_the_new_secret_comes_first_and_the_old_one_signs_until_the_overlap_ends() -> None:
    secrets = rotated([StoredSecret(sealed="old")], StoredSecret(sealed="new"), now=NOW, overlap=60)
    assert secrets == [StoredSecret(sealed="new", expires=0), StoredSecret(sealed="old", expires=NOW + 60)]


def test_without_an_overlap_the_old_secret_is_gone_at_once() -> None:
    assert rotated([StoredSecret(sealed="old")], StoredSecret(sealed="new"), now=NOW, overlap=0) == [
        StoredSecret(sealed="new")
    ]


def test_a_second_rotation_neither_prolongs_nor_revives_an_older_secret() -> None:
    secrets = [
        StoredSecret(sealed="current"),
        StoredSecret(sealed="ending", expires=NOW + 5),
        StoredSecret(sealed="ended", expires=NOW - 5),
    ]
    after = rotated(secrets, StoredSecret(sealed="new"), now=NOW, overlap=3600)
    assert [(secret.sealed, secret.expires) for secret in after] == [
        ("new", 0),
        ("current", NOW + 3600),
        ("ending", NOW + 5),
    ]


def test_a_shorter_overlap_ends_an_older_secret_earlier() -> None:
    secrets = [StoredSecret(sealed="current"), StoredSecret(sealed="leaked", expires=NOW + 3600)]
    assert rotated(secrets, StoredSecret(sealed="new"), now=NOW, overlap=0) == [StoredSecret(sealed="new")]


def test_there_is_an_end_to_the_number_of_live_secrets() -> None:
    secrets = [StoredSecret(sealed="0")]
    for number in range(1, MAX_LIVE):
        secrets = rotated(secrets, StoredSecret(sealed=str(number)), now=NOW, overlap=60)
    with pytest.raises(TooManySecrets):
        rotated(secrets, StoredSecret(sealed="one too many"), now=NOW, overlap=60)
    assert len(rotated(secrets, StoredSecret(sealed="later"), now=NOW + 61, overlap=60)) == 2
