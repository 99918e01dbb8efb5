"""What was measured, and how it is shown and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Round:
    """What was done a second, and the milliseconds of CPU that the doing process spent on each."""

    rate: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Rate:
    """A stage beside its bare loop, round by round."""

    ours: Sequence[Round]
    bare: Sequence[Round]

    @property
    def document(self) -> dict[str, float]:
        """Return the medians and their ratio."""
        ours, bare = (median(each.rate for each in rounds) for rounds in (self.ours, self.bare))
        return {"rate": round(ours, 1), "bare": round(bare, 1), "ratio": round(ours / bare, 3)}

    @property
    def spread(self) -> str:
        """Return the lowest and the highest round, ours and bare."""
        rates = [[each.rate for each in rounds] for rounds in (self.ours, self.bare)]
        return " / ".join(f"{min(each):,.0f}–{max(each):,.0f}" for each in rates)

    @property
    def cpu(self) -> str:
        """Return the milliseconds of CPU, ours and bare: a busy machine spoils them less than it spoils the rates."""
        return " / ".join(f"{median(each.cpu_ms for each in rounds):.2f}" for rounds in (self.ours, self.bare))


@dataclass(frozen=True, slots=True)
class System:
    """The whole system: events accepted and delivered a second, and milliseconds of CPU an event by process."""

    accepted_per_s: float
    delivered_per_s: float
    cpu_ms: dict[str, float]
    own: Sequence[str]
    stores: Sequence[str]

    @property
    def document(self) -> dict[str, Any]:
        """Return the rates, and the CPU of our services and of the stores."""
        own = sum(self.cpu_ms[name] for name in self.own)
        stores = sum(self.cpu_ms[name] for name in self.stores)
        cpu = {"own": round(own, 3), "stores": round(stores, 3), "total": round(own + stores, 3)}
        return {
            "accepted_per_s": round(self.accepted_per_s, 1),
            "delivered_per_s": round(self.delivered_per_s, 1),
            "cpu_ms": cpu,
        }


@dataclass(slots=True)
class Figures:
    """Everything, as far as it was measured."""

    rates: dict[str, Rate] = field(default_factory=dict)
    system: System | None = None
    latency_ms: dict[str, float] | None = None
    fan_out: dict[str, float] | None = None
    isolation_p99_ms: dict[str, float] | None = None
    recovery: dict[str, float] | None = None
    pending: dict[str, dict[str, float]] | None = None
    memory_mb: dict[str, dict[str, float]] | None = None

    def document(self) -> dict[str, Any]:
        """Return what stands in `bench.json`."""
        return {
            **{name: rate.document for name, rate in self.rates.items()},
            "system": self.system.document if self.system else None,
            "latency_ms": self.latency_ms,
            "fan_out": self.fan_out,
            "isolation_p99_ms": self.isolation_p99_ms,
            "recovery": self.recovery,
            "pending": self.pending,
            "memory_mb": self.memory_mb,
        }

    def show(self, console: Console) -> None:
        """Print the tables."""
        if self.rates:
            self._show_rates(console)
        if self.system is not None:
            self._show_system(console, self.system)
        if self.latency_ms is not None:
            shown = "   ".join(f"{name} {value:.1f} ms" for name, value in self.latency_ms.items())
            console.print(f"\nlatency, publish to receipt: {shown}")
        if self.fan_out is not None:
            shown = "   ".join(f"{name.replace('_', ' ')} {value:,.0f}" for name, value in self.fan_out.items())
            console.print(f"\nfan-out, deliveries a second: {shown}")
        if self.isolation_p99_ms is not None:
            shown = "   ".join(f"{name.replace('_', ' ')} {value:.1f}" for name, value in self.isolation_p99_ms.items())
            console.print(f"\np99 of a healthy endpoint, ms: {shown}")
        for count, figures in (self.pending or {}).items():
            shown = "   ".join(f"{name} {value:g}" for name, value in figures.items())
            console.print(f"\nwith {int(count):,} pending: {shown}")
        if self.recovery is not None:
            shown = "   ".join(f"{name} {value:g}" for name, value in self.recovery.items())
            console.print(f"\nafter kill -9 of all services: {shown}")
        if self.memory_mb is not None:
            self._show_memory(console, self.memory_mb)

    def _show_rates(self, console: Console) -> None:
        table = _table("", "a second", "bare loop", "ratio", "slowest–fastest, ours / bare", "CPU ms each")
        for name, rate in self.rates.items():
            figures = rate.document
            medians = f"{figures['rate']:,.0f}", f"{figures['bare']:,.0f}", f"{figures['ratio']:.2f}"
            table.add_row(name, *medians, rate.spread, rate.cpu)
        console.print(table)

    def _show_system(self, console: Console, system: System) -> None:
        table = _table("the whole system", "accepted/s", "delivered/s", "CPU ms: own", "stores", "together")
        figures = system.document
        cpu = figures["cpu_ms"]
        table.add_row(
            "",
            f"{system.accepted_per_s:,.0f}",
            f"{system.delivered_per_s:,.0f}",
            *(f"{cpu[name]:.2f}" for name in ("own", "stores", "total")),
        )
        console.print(table)
        each = "   ".join(f"{name} {value:.2f}" for name, value in system.cpu_ms.items())
        console.print(f"  CPU milliseconds an event: {each}")

    def _show_memory(self, console: Console, memory: dict[str, dict[str, float]]) -> None:
        sizes = list(next(iter(memory.values())))
        table = _table("peak memory, MB", *(f"{int(size):,} records" for size in sizes), "difference")
        for name, peaks in memory.items():
            small, large = (peaks[size] for size in sizes)
            table.add_row(name, f"{small:.0f}", f"{large:.0f}", f"{100 * (large / small - 1):+.0f} %")
        console.print(table)


def _table(*columns: str) -> Table:
    table = Table()
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table
