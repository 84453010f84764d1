"""Ratios and verdicts from samples, and the table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

LIMIT = 3.0
"""The highest median of a neighbour, as a ratio to the idle median."""


@dataclass(frozen=True)
class Row:
    """Times of a neighbour's calls in milliseconds, just before a function was hostile and during
    that. `failed`: the number of failed calls. `memory`: the server's RSS in that time, in MiB."""

    title: str
    idle: Sequence[float]
    beside: Sequence[float]
    failed: int = 0
    memory: float = 0.0

    @property
    def ratio(self) -> float:
        return median(self.beside) / median(self.idle) if self.beside else float("inf")

    @property
    def is_over(self) -> bool:
        return self.ratio > LIMIT or bool(self.failed)


def markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| one hostile function | median, idle | median | 95th percentile, idle | 95th percentile"
        f" | calls | failed | server, RSS | median within {LIMIT:g} x |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [row.title]
        for figure in (typical, late):
            idle, beside = figure(row.idle), figure(row.beside)
            cells += [f"{idle:.2f} ms", f"**{beside / idle:.3g} x** {beside:,.2f} ms"]
        cells += [f"{len(row.beside):,}", f"{row.failed:,}", f"{row.memory:,.0f} MiB"]
        cells.append("**no**" if row.is_over else "yes")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict(rows: Sequence[Row]) -> str:
    over = [row.title for row in rows if row.is_over]
    if not over:
        return f"**All within {LIMIT:g} x of idle.**"
    return f"**Not within {LIMIT:g} x of idle, or not all answered: {'; '.join(over)}.**"


def typical(taken: Sequence[float]) -> float:
    return median(taken) if taken else float("inf")


def late(taken: Sequence[float]) -> float:
    """The 95th percentile."""
    return quantiles(taken, n=20)[-1] if len(taken) > 1 else typical(taken)
