"""An index is declared by its keys and options, and named by its keys."""

from __future__ import annotations

from edurelay.mongo import ASCENDING, DESCENDING, Index


def test_an_index_is_named_by_its_keys() -> None:
    assert Index((("tenant", ASCENDING), ("created_at", DESCENDING))).name == "tenant_1_created_at_-1"


def test_only_what_is_declared_is_asked_of_the_database() -> None:
    plain = Index((("tenant", ASCENDING),))
    assert plain.model().document == {"name": "tenant_1", "key": {"tenant": 1}}


def test_every_option_reaches_the_database() -> None:
    index = Index((("at", ASCENDING),), unique=True, sparse=True, partial={"due": True}, expire_after_seconds=0)
    assert index.model().document == {
        "name": "at_1",
        "key": {"at": 1},
        "unique": True,
        "sparse": True,
        "partialFilterExpression": {"due": True},
        "expireAfterSeconds": 0,
    }
