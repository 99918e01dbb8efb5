"""What has to add up at the end, and the tables that show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from edurelay_cli.demo.receiver import Receiver
from edurelay_client.models import Counts, Ledger, Run


@dataclass(slots=True)
class Books:
    """Every check that was made, in order; the demo is a success only if all of them hold."""

    console: Console
    failed: list[str] = field(default_factory=list)

    def check(self, what: str, holds: bool) -> None:
        """Show one check and remember if it does not hold."""
        self.console.print(f"  [green]✓[/] {what}" if holds else f"  [red]✗ {what}[/]")
        if not holds:
            self.failed.append(what)

    def runs(self, named: list[tuple[str, Run]]) -> None:
        """Show what became of every record of every run, and check that it adds up."""
        table = Table(title="source = created + updated + unchanged + rejected", title_justify="left")
        for column in ("run", "stream", "source", "created", "updated", "unchanged", "rejected"):
            table.add_column(column, justify="left" if column in ("run", "stream") else "right")
        for name, run in named:
            for stream in run.streams:
                table.add_row(name, stream.stream, *_figures(stream.counts))
            table.add_row(name, "[bold]all[/]", *(f"[bold]{figure}[/]" for figure in _figures(run.counts)))
        self.console.print(table)
        for name, run in named:
            self.check(f"the {name} run succeeded and adds up", run.status == "succeeded" and adds_up(run.counts))

    def deliveries(self, ledger: Ledger, receiver: Receiver) -> None:
        """Show where every delivery stands, and check that it adds up."""
        table = Table(title="matched = delivered + pending + dead-lettered", title_justify="left")
        for column in ("matched", "delivered", "pending", "dead-lettered", "received", "of them repeated", "forged"):
            table.add_column(column, justify="right")
        figures = (ledger.matched, ledger.delivered, ledger.pending, ledger.dead_lettered)
        table.add_row(*(f"{n:,}" for n in (*figures, receiver.events, receiver.repeats, receiver.forged)))
        self.console.print(table)
        self.check("every match was delivered", figures == (ledger.matched, ledger.matched, 0, 0))
        self.check("every delivery was received, and nothing else", receiver.events == ledger.delivered)
        self.check("every signature was right", receiver.forged == 0)


def adds_up(counts: Counts) -> bool:
    """Return True if every record that was read is accounted for."""
    return counts.source == counts.created + counts.updated + counts.unchanged + counts.rejected


def _figures(counts: Counts) -> list[str]:
    shown = (counts.source, counts.created, counts.updated, counts.unchanged, counts.rejected)
    return [f"{figure:,}" for figure in shown]
