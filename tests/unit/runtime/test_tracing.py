"""Trace context: continued where it is well-formed, begun anew where it is not."""

from __future__ import annotations

import pytest

from edurelay.runtime.tracing import continue_trace, current_trace_id, current_traceparent

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_given_trace_goes_on_in_a_new_span() -> None:
    with continue_trace(GIVEN) as traceparent:
        assert traceparent[:36] == GIVEN[:36]
        assert traceparent[36:52] != GIVEN[36:52]
        assert traceparent[52:] == "-01"
        assert current_traceparent() == traceparent
        assert current_trace_id() == GIVEN[3:35]


def test_the_decision_not_to_sample_is_kept() -> None:
    with continue_trace(GIVEN[:-2] + "00") as traceparent:
        assert traceparent.endswith("-00")


def test_without_a_trace_a_new_one_begins() -> None:
    with continue_trace(None) as first, continue_trace(None) as second:
        assert first[3:35] != second[3:35]
        assert len(first) == len(GIVEN)


def test_the_trace_before_is_restored() -> None:
    assert current_traceparent() is None
    with continue_trace(GIVEN) as outer:
        with continue_trace(outer):
            pass
        assert current_traceparent() == outer
    assert current_traceparent() is None


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "nonsense",
        GIVEN[:-1],
        GIVEN + "0",
        GIVEN.upper(),
        "ff" + GIVEN[2:],
        GIVEN.replace("-", "_"),
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)
def test_a_malformed_traceparent_begins_a_new_trace(malformed: str) -> None:
    with continue_trace(malformed) as traceparent:
        assert traceparent[3:35] != malformed[3:35]
        assert traceparent.startswith("00-")


def test_a_later_version_with_more_fields_is_understood() -> None:
    with continue_trace("01" + GIVEN[2:] + "-more") as traceparent:
        assert traceparent[:36] == GIVEN[:36]
