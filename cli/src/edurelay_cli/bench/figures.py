"""What was measured, and how it is shown and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias

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


#: What a stage shows; where it is neither a rate nor the system, numbers by their names, as they are written.
Measured: TypeAlias = Rate | System | Mapping[str, Any]


class Figures:
    """What the stages have shown, by their names, as far as they were measured."""

    def __init__(self) -> None:
        self._measured: dict[str, Measured] = {}

    def take(self, stage: str, measured: Measured) -> None:
        """Keep what a stage has shown."""
        self._measured[stage] = measured

    def document(self) -> dict[str, Any]:
        """Return what stands in `bench.json`."""
        return {_FIELDS.get(stage, stage): _plain(measured) for stage, measured in self._measured.items()}

    def show(self, stage: str, console: Console) -> None:
        """Print what a stage has shown."""
        measured = self._measured[stage]
        match measured:
            case Rate():
                _show_rate(stage, measured, console)
            case System():
                _show_system(measured, console)
            case _ if stage == "memory":
                _show_memory(measured, console)
            case _ if stage == "pending":
                for count, figures in measured.items():
                    console.print(f"with {int(count):,} pending: {_in_a_line(figures)}")
            case _:
                console.print(f"{_TITLES[stage]}: {_in_a_line(measured)}")


#: What stages are called in `bench.json`, where it is not by their own names.
_FIELDS = {
    "latency": "latency_ms",
    "fan-out": "fan_out",
    "isolation": "isolation_p99_ms",
    "memory": "memory_mb",
}

_TITLES = {
    "latency": "latency in ms, publish to receipt",
    "fan-out": "fan-out, deliveries a second",
    "isolation": "p99 of a healthy endpoint, ms",
    "recovery": "after kill -9 of all services",
}


def _plain(measured: Measured) -> Mapping[str, Any]:
    return measured.document if isinstance(measured, Rate | System) else measured


def _in_a_line(figures: Mapping[str, float]) -> str:
    return "   ".join(f"{name.replace('_', ' ')} {value:,.10g}" for name, value in figures.items())


def _show_rate(stage: str, rate: Rate, console: Console) -> None:
    table = _table("", "a second", "bare loop", "ratio", "slowest–fastest, ours / bare", "CPU ms each")
    figures = rate.document
    medians = f"{figures['rate']:,.0f}", f"{figures['bare']:,.0f}", f"{figures['ratio']:.2f}"
    table.add_row(stage, *medians, rate.spread, rate.cpu)
    console.print(table)


def _show_system(system: System, console: Console) -> None:
    table = _table("the whole system", "accepted/s", "delivered/s", "CPU ms: own", "stores", "together")
    cpu = system.document["cpu_ms"]
    table.add_row(
        "",
        f"{system.accepted_per_s:,.0f}",
        f"{system.delivered_per_s:,.0f}",
        *(f"{cpu[name]:.2f}" for name in ("own", "stores", "total")),
    )
    console.print(table)
    each = "   ".join(f"{name} {value:.2f}" for name, value in system.cpu_ms.items())
    console.print(f"  CPU milliseconds an event: {each}")


def _show_memory(memory: Mapping[str, Mapping[str, float]], console: Console) -> None:
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
