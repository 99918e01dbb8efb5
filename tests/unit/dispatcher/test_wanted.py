"""What is looked for: the ranges of keys leave out nothing that is wanted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edurelay.events.ids import event_key
from edurelay_webhook_dispatcher.keys import DeliveryKey
from edurelay_webhook_dispatcher.wanted import Wanted, WantedDeliveries

TENANT = "north"
#: Few values, so that what is wanted and what is there meet often, just before and just behind an edge as well.
moments = st.one_of(st.integers(0, 6), st.just(0xFFFFFFFFFFE))
edges = st.one_of(st.none(), st.integers(-1, 7), st.just(253_402_300_799_999))
events = st.builds(
    Wanted,
    types=st.sampled_from([(), (), ("a.*",)]),
    subject=st.sampled_from([None, None, "s"]),
    since=edges,
    until=edges,
)
wanted = st.builds(
    WantedDeliveries,
    events=events,
    endpoint=st.sampled_from([None, "e", "e-1"]),
    status=st.sampled_from([None, None, "delivered"]),
)


def delivery(endpoint: str, moment: int, number: int, type_: str, subject: str | None, status: str) -> dict[str, Any]:
    key = DeliveryKey(TENANT, endpoint, moment, f"0.{number}")
    return {"_id": key.stored, "endpoint": endpoint, "type": type_, "subject": subject, "status": status}


deliveries = st.lists(
    st.builds(
        delivery,
        st.sampled_from(["e", "e-1", "e0"]),
        moments,
        st.integers(0, 3),
        st.sampled_from(["a.b", "c"]),
        st.sampled_from([None, "s"]),
        st.sampled_from(["delivered", "pending"]),
    ),
    unique_by=lambda each: each["_id"],
    max_size=20,
)


@given(wanted, deliveries)
def test_the_range_of_keys_holds_all_that_is_wanted(wanted: WantedDeliveries, deliveries: list[dict[str, Any]]) -> None:
    keys = wanted.keys(TENANT, None)
    for each in filter(wanted.takes, deliveries):
        assert keys["$gt"] < each["_id"] < keys["$lt"]


@given(wanted, deliveries)
def test_what_is_jumped_over_is_not_wanted(wanted: WantedDeliveries, deliveries: list[dict[str, Any]]) -> None:
    for each in deliveries:
        behind = wanted.behind(each["_id"])
        assert behind <= each["_id"]
        for other in deliveries:
            if behind <= other["_id"] <= each["_id"] and wanted.takes(other):
                assert other is each, "a key that is gone on behind is seen already"


@given(events, moments)
def test_the_keys_of_the_index_hold_all_that_is_wanted(wanted: Wanted, moment: int) -> None:
    key = event_key("given", moment)
    if wanted.takes("a.b", "s", moment):
        assert wanted.since_key <= key
        assert wanted.until_key is None or key < wanted.until_key


def test_a_stretch_of_time_holds_its_beginning_and_not_its_end() -> None:
    wanted = Wanted(since=5, until=7)
    assert [moment for moment in range(10) if wanted.takes("a", None, moment)] == [5, 6]
    assert wanted.until_key is not None
    assert wanted.since_key < event_key("given", 5) < event_key("given", 6) < wanted.until_key
    keys = WantedDeliveries(wanted, "e").keys(TENANT, None)
    stored = [delivery("e", moment, 0, "a", None, "pending")["_id"] for moment in range(10)]
    assert [each for each in stored if keys["$gt"] < each < keys["$lt"]] == stored[5:7]


def test_each_thing_that_is_asked_for_has_to_hold() -> None:
    wanted = WantedDeliveries(Wanted(("a.*", "c"), "s"), "e", "pending")
    assert wanted.takes(delivery("e", 1, 1, "a.b", "s", "pending"))
    assert wanted.takes(delivery("e", 1, 1, "c", "s", "pending"))
    assert not wanted.takes(delivery("e", 1, 1, "d", "s", "pending"))
    assert not wanted.takes(delivery("e", 1, 1, "a.b", None, "pending"))
    assert not wanted.takes(delivery("e-1", 1, 1, "a.b", "s", "pending"))
    assert not wanted.takes(delivery("e", 1, 1, "a.b", "s", "delivered"))


def test_a_search_by_time_jumps_to_what_may_be_wanted() -> None:
    wanted = WantedDeliveries(Wanted(since=5, until=7))
    late, early = delivery("e", 9, 1, "a", None, "pending")["_id"], delivery("e", 4, 1, "a", None, "pending")["_id"]
    assert wanted.behind(late) == "north/e/00000000007-"
    assert wanted.behind(early) == "north/e/"


def test_a_cursor_from_anywhere_else_does_not_widen_the_range() -> None:
    assert WantedDeliveries(endpoint="e").keys(TENANT, "south/z")["$lt"] == "north/e0"
