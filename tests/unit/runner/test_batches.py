"""Pages become messages in which one external id always has one key, and none of which is too large."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edurelay.events.envelope import Message
from edurelay.messages.records import RecordBatch, batch_id, decode, record_key, shard_of
from edurelay_connector_runner.records.batches import MAX_BATCH_BYTES, Origin, messages
from edurelay_connector_runner.records.conversion import Converted, ConvertedPage
from integration.runner.scripted import STUDENTS

ORIGIN = Origin("run_1", 7, "tenant", "connection", "00-trace")


def page(sizes: list[int], rejected: list[int]) -> ConvertedPage:
    """Return a page of so many records and rejections, each of about so many bytes."""
    return ConvertedPage(
        [Converted({"external_id": f"s-{n}", "attributes": {"x": "y" * size}}, size) for n, size in enumerate(sizes)],
        [{"reason": f"r-{n}", "raw": "z" * size} for n, size in enumerate(rejected)],
    )


def batches(converted: ConvertedPage, after: int = 0) -> list[tuple[Message, RecordBatch]]:
    """Return the messages of a page with what is in them."""
    outgoing = messages(ORIGIN, STUDENTS, converted, "2026-01-01T00:00:00.000Z", after=after)
    return [(message, decode(message.value or b"")) for message in outgoing]


SIZES = st.lists(st.sampled_from([10, 200_000, 262_144]), max_size=8)


@settings(max_examples=30, deadline=None)
@given(SIZES, SIZES)
def test_nothing_is_lost_no_message_is_too_large_and_every_id_is_under_its_own_key(
    sizes: list[int], rejected: list[int]
) -> None:
    sent = batches(page(sizes, rejected))
    assert sorted(r["external_id"] for _, b in sent for r in b["records"]) == sorted(
        f"s-{n}" for n in range(len(sizes))
    )
    assert sorted(r["reason"] for _, b in sent for r in b["rejected"]) == sorted(f"r-{n}" for n in range(len(rejected)))
    for message, batch in sent:
        assert batch["records"] or batch["rejected"]
        assert len(message.value or b"") < 2 * MAX_BATCH_BYTES
        for record in batch["records"]:
            assert message.key == record_key("tenant", "connection", "students", shard_of(record["external_id"]))


def test_sequences_follow_the_last_one_without_a_gap() -> None:
    sent = batches(page([10] * 40, [10]), after=5)
    assert [batch["sequence"] for _, batch in sent] == list(range(6, 6 + len(sent)))
    assert batch_id(sent[0][1]) == "run_1:7:6"


def test_rejected_records_ride_with_the_records_of_their_page() -> None:
    assert len(batches(page([10], [10, 10]))) == 1


def test_a_page_of_nothing_has_no_message() -> None:
    assert batches(page([], [])) == []


def test_the_trace_goes_along() -> None:
    ((message, _),) = batches(page([10], []))
    assert ("traceparent", b"00-trace") in message.headers
