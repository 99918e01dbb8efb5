"""Inside ids follow from the record's identity alone, and keys keep everybody apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edurelay_mapping.identity import Identity, document_key, key_range

plain = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8)
identities = st.builds(
    Identity,
    plain,
    plain,
    st.sampled_from(["student", "course"]),
    st.text(min_size=1, max_size=8).filter(str.isprintable),
)


@given(identities, identities)
def test_two_records_share_a_document_exactly_if_they_are_one(one: Identity, other: Identity) -> None:
    assert (one.home == other.home) == (one == other)
    assert (one.derived_id == other.derived_id) == (one == other)


@given(identities)
def test_ids_do_not_depend_on_what_came_before(identity: Identity) -> None:
    again = Identity(identity.tenant, identity.connection_id, identity.entity_type, identity.external_id)
    assert (identity.home, identity.derived_id, identity.mapping_id) == (again.home, again.derived_id, again.mapping_id)


def test_a_mapping_has_another_id_than_its_entity() -> None:
    identity = Identity("tenant", "connection", "student", "7")
    assert identity.mapping_id != identity.derived_id


@given(identities, identities)
def test_a_range_of_keys_holds_the_documents_of_its_connection_and_kind_and_no_others(
    one: Identity, other: Identity
) -> None:
    low, high = key_range(one.tenant, one.connection_id)
    assert (low <= other.home < high) == (one.connection == other.connection)
    low, high = key_range(one.tenant, one.connection_id, one.entity_type)
    assert (low <= other.home < high) == (one.place == other.place)


@given(identities)
def test_an_assigned_id_is_reserved_under_the_key_that_a_derived_one_would_have(identity: Identity) -> None:
    assert document_key(*identity.place, identity.derived_id) == identity.home
