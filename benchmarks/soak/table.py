"""From samples to quarters, verdicts and Markdown.

The first quarter is not compared with: prewarm pools fill up, modules load, and the database has
still to reach what it may keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from benchmarks.soak.watch import Sample

GROWTH = 0.05
RULE = (
    "Flat: the median of the last quarter exceeds that of the second by no more than the last"
    " column says: 5%, and about as much as one sample differs from the next."
)


@dataclass(frozen=True)
class Row:
    title: str
    value: Callable[[Sample], float]
    slack: float | None
    """By how much more it may grow; None: it is shown, and nothing is judged by it."""
    form: str = "{:,.1f}"


ROWS = (
    Row("memory of the server, RSS, MiB", lambda s: s.rss, 1.0),
    Row("the same, PSS, MiB", lambda s: s.pss, 1.0),
    Row("open descriptors", lambda s: s.descriptors, 4.0, "{:,.0f}"),
    Row("threads", lambda s: s.threads, 2.0, "{:,.0f}"),
    Row("database, pages in use, MiB", lambda s: s.used, 0.5),
    Row("database, its file, MiB", lambda s: s.file, 0.5),
    Row("write-ahead log, MiB", lambda s: s.log, 0.5),
    Row("the rest of the data folder, MiB", lambda s: s.folder, 0.5),
    Row("containers", lambda s: s.containers, 2.0, "{:,.0f}"),
    Row("warm call, median, ms", lambda s: s.median, None, "{:,.2f}"),
    Row("warm call, 99th percentile, ms", lambda s: s.p99, None, "{:,.1f}"),
    Row("the server's part of a processor", lambda s: s.busy, None, "{:.0%}"),
    Row("rows that were removed so far", lambda s: s.removed, None, "{:,.0f}"),
)


def quarters(samples: Sequence[Sample], value: Callable[[Sample], float]) -> list[float]:
    """The median of each quarter of the time. A sample belongs to the time before it."""
    end = samples[-1].second
    parts: list[list[float]] = [[] for _ in range(4)]
    for sample in samples:
        parts[max(ceil(sample.second / end * 4), 1) - 1].append(value(sample))
    return [median(part) if part else float("nan") for part in parts]


def is_flat(row: Row, samples: Sequence[Sample]) -> bool | None:
    """None: it is not judged."""
    _, second, _, last = quarters(samples, row.value)
    return None if row.slack is None else last <= second * (1 + GROWTH) + row.slack


def verdict(samples: Sequence[Sample], left: int) -> str:
    """`left`: tasks that had not run after the load."""
    grown = [row.title for row in ROWS if is_flat(row, samples) is False]
    said = "**All flat.**" if not grown else f"**Not flat: {'; '.join(grown)}.**"
    calls, failed = (sum(map(which, samples)) for which in (_calls, _failed))
    said += f" {failed:,} of {calls:,} calls were not answered as they should be"
    said += f"; {left:,} tasks were left in the queue." if left else "; no task was left."
    return said


def markdown(samples: Sequence[Sample]) -> str:
    lines = [
        "|  | 1st quarter | 2nd | 3rd | last | most | flat | may grow by |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in ROWS:
        shown = [row.form.format(value) for value in quarters(samples, row.value)]
        shown.append(row.form.format(max(map(row.value, samples))))
        flat = {True: "yes", False: "**no**", None: ""}[is_flat(row, samples)]
        slack = "" if row.slack is None else f"5% + {row.slack:g}"
        lines.append(f"| {' | '.join([row.title, *shown, flat, slack])} |")
    return "\n".join(lines)


def _calls(sample: Sample) -> int:
    return sample.calls


def _failed(sample: Sample) -> int:
    return sample.failed
