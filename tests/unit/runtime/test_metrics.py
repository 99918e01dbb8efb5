"""Metrics: declared once, with labels that cannot grow without end."""

from __future__ import annotations

import pytest

from edurelay.runtime import metrics
from edurelay.runtime.instruments import MAX_VALUES, OTHER, Instruments, label


def shown(instruments: Instruments) -> set[str]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}={sample.value:g}"
        for family in instruments.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_a_listed_label_takes_only_its_values() -> None:
    instruments = Instruments("t_")
    mapped = instruments.counter("mapped_total", "Records", label("outcome", "created", "rejected"))
    mapped.of("created").inc()
    mapped.of("forged").inc()
    mapped.of("also forged").inc()
    assert shown(instruments) == {
        "t_mapped_total[('outcome', 'created')]=1",
        f"t_mapped_total[('outcome', '{OTHER}')]=2",
    }


def test_an_open_label_takes_a_bounded_number_of_values() -> None:
    instruments = Instruments("t_")
    requests = instruments.counter("requests_total", "Requests", label("operation"))
    for number in range(MAX_VALUES + 50):
        requests.of(f"operation {number}").inc()
    assert len(shown(instruments)) == MAX_VALUES + 1
    assert f"t_requests_total[('operation', '{OTHER}')]=50" in shown(instruments)


def test_the_number_of_label_values_has_to_fit() -> None:
    with pytest.raises(ValueError, match="takes 2 label values, not 1"):
        metrics.HTTP_REQUESTS.of("publish_events")


def test_forgotten_label_values_are_not_shown_any_more() -> None:
    instruments = Instruments("t_")
    lag = instruments.gauge("lag", "Messages", label("partition"))
    lag.of("0").set(5)
    lag.of("1").set(7)
    lag.forget("0")
    lag.forget("never seen")
    assert shown(instruments) == {"t_lag[('partition', '1')]=7"}


def test_every_declared_metric_stands_in_the_reference_table() -> None:
    table = metrics.markdown_table()
    assert len(metrics.METRICS) >= 25
    for metric in metrics.METRICS:
        assert f"| `{metric.name}` | {metric.kind} |" in table
        assert metric.help in table
    assert "`outcome` (created, rejected, unchanged, updated)" in table


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in metrics.METRICS:
        assert metric.name.startswith("edurelay_")
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert (metric.kind == "histogram") <= metric.name.endswith("_seconds")


def test_what_was_counted_is_rendered_with_the_process_itself() -> None:
    metrics.RECORDS_MAPPED.of("created").inc(3)
    text = metrics.render().decode()
    assert 'edurelay_records_mapped_total{outcome="created"} ' in text
    assert "process_resident_memory_bytes" in text
