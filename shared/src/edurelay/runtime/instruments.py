"""How a metric is declared and used: bounded labels, and a quick way to the series behind each combination of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: How many different values a label may take that lists none.
MAX_VALUES = 200

#: What every value beyond the bounds is counted under.
OTHER = "other"

M = TypeVar("M", Counter, Gauge, Histogram)


@dataclass(frozen=True, slots=True)
class Label:
    """A label: with `values` it takes only those, without them the first `MAX_VALUES` that come along."""

    name: str
    values: frozenset[str] = frozenset()


def label(name: str, *values: str) -> Label:
    """Declare a label and, where they are few, all of its values."""
    return Label(name, frozenset(values))


class Metric(Generic[M]):
    """One declared metric. `kind`, `name`, `labels` and `help` are what the reference page shows."""

    def __init__(self, kind: str, name: str, help_text: str, labels: Sequence[Label], metric: M) -> None:
        self.kind = kind
        self.name = name
        self.help = help_text
        self.labels = tuple(labels)
        self._metric: M = metric
        self._series: dict[tuple[str, ...], M] = {}
        self._seen: list[set[str]] = [set() for _ in labels]

    def of(self, *values: str) -> M:
        """Return the series of these label values, given in the order of the declaration."""
        series = self._series.get(values)
        if series is None:
            bounded = self._bounded(values)
            series = self._series.get(bounded)
            if series is None:
                series = self._metric.labels(*bounded) if bounded else self._metric
                self._series[bounded] = series
        return series

    def forget(self, *values: str) -> None:
        """Stop showing these label values, such as a partition that another process has taken over."""
        if self._series.pop(values, None) is not None:
            self._metric.remove(*values)

    def _bounded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} takes {len(self.labels)} label values, not {len(values)}")
        bounded = []
        for declared, seen, value in zip(self.labels, self._seen, values, strict=True):
            if value in declared.values or (not declared.values and (value in seen or len(seen) < MAX_VALUES)):
                seen.add(value)
                bounded.append(value)
            else:
                bounded.append(OTHER)
        return tuple(bounded)


class Instruments:
    """All metrics of a process, declared through it and shown from its registry."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.registry = CollectorRegistry()
        self.declared: list[Metric[Any]] = []

    def counter(self, name: str, help_text: str, *labels: Label) -> Metric[Counter]:
        """Declare something that is counted; its name ends in `_total`."""
        return self._declare("counter", name, help_text, labels, Counter)

    def gauge(self, name: str, help_text: str, *labels: Label) -> Metric[Gauge]:
        """Declare something that goes up and down."""
        return self._declare("gauge", name, help_text, labels, Gauge)

    def histogram(self, name: str, help_text: str, *labels: Label, buckets: Sequence[float]) -> Metric[Histogram]:
        """Declare a distribution, with the upper bounds of its buckets."""
        metric = Histogram(
            self._prefix + name, help_text, [each.name for each in labels], registry=self.registry, buckets=buckets
        )
        return self._keep(Metric("histogram", self._prefix + name, help_text, labels, metric))

    def _declare(self, kind: str, name: str, help_text: str, labels: Sequence[Label], form: type[M]) -> Metric[M]:
        metric = form(self._prefix + name, help_text, [each.name for each in labels], registry=self.registry)
        return self._keep(Metric(kind, self._prefix + name, help_text, labels, metric))

    def _keep(self, metric: Metric[M]) -> Metric[M]:
        self.declared.append(metric)
        return metric
