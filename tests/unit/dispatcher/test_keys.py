"""A delivery's name is the same after every crash, and leads back to where its event stands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edurelay_webhook_dispatcher.keys import DeliveryKey, event_origin, replay_origin

identifiers = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,40}", fullmatch=True)
keys = st.builds(
    DeliveryKey,
    tenant=identifiers,
    endpoint=identifiers,
    moment=st.integers(0, 2**43),
    origin=st.one_of(
        st.builds(event_origin, st.integers(0, 99), st.integers(0, 2**40)),
        st.builds(replay_origin, st.just("r0a1b2c"), st.integers(0, 99), st.integers(0, 2**40)),
        st.just("t0a1b2c"),
    ),
)


@given(keys)
def test_the_api_id_and_the_primary_key_both_lead_back(key: DeliveryKey) -> None:
    assert DeliveryKey.parse(key.tenant, key.text) == key
    assert DeliveryKey.from_stored(key.stored) == key


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_an_id(text: str) -> None:
    found = DeliveryKey.parse("t", text)
    assert found is None or found.tenant == "t"


@given(keys, st.integers(1, 2**30))
def test_later_deliveries_sort_behind_earlier_ones_of_an_endpoint(key: DeliveryKey, later: int) -> None:
    after = DeliveryKey(key.tenant, key.endpoint, key.moment + later, key.origin)
    assert key.stored < after.stored


def test_only_what_was_published_has_a_position() -> None:
    assert DeliveryKey("t", "e", 1, event_origin(3, 1029)).position == (3, 1029)
    assert DeliveryKey("t", "e", 1, replay_origin("rab", 3, 1029)).position == (3, 1029)
    assert DeliveryKey("t", "e", 1, "tabc").position is None
