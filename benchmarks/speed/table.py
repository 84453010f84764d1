"""Ratios, figures and goals from samples, and the table in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

OURS = "taskdock"
Samples = dict[str, dict[str, list[float]]]  # by series and contender
Place = tuple[str, str]  # a series and a contender


@dataclass(frozen=True)
class Goal:
    """A bound for our figure: times that at `against`, or by itself in the line's unit."""

    bound: float
    against: Place | None = None
    at_least: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the table: a statistic of one series, for each contender that has it.

    `base` is what ratios are of; without it that is the RIE or, where it has no figure, the best
    peer. There are none without a peer.
    """

    what: str
    unit: str
    series: str
    percentile: float = 50
    more_is_better: bool = False
    base: Place | None = None
    goals: tuple[Goal, ...] = ()


def figure(samples: Samples, place: Place, percentile: float = 50) -> float | None:
    """None: not measured. A percentile is the smallest sample that so many are not above."""
    found = sorted(samples.get(place[0], {}).get(place[1], []))
    if not found:
        return None
    if percentile == 50:
        return median(found)
    return found[max(0, -int(-percentile * len(found) // 100) - 1)]


def base_of(line: Line, samples: Samples) -> Place | None:
    """The place in the table that the line's ratios refer to."""
    if line.base is not None:
        return line.base
    figures = {
        name: found
        for name in samples.get(line.series, {})
        if name != OURS and (found := figure(samples, (line.series, name), line.percentile))
    }
    if not figures:
        return None
    if "rie" in figures:
        return line.series, "rie"
    best = max if line.more_is_better else min
    return line.series, best(figures, key=lambda name: figures[name])


def ratio(line: Line, samples: Samples, contender: str) -> float | None:
    base = base_of(line, samples)
    ours = figure(samples, (line.series, contender), line.percentile)
    theirs = figure(samples, base, line.percentile) if base else None
    return ours / theirs if ours is not None and theirs else None


def met(goal: Goal, line: Line, samples: Samples) -> bool | None:
    """None: what it needs was not measured."""
    ours = figure(samples, (line.series, OURS), line.percentile)
    unit = figure(samples, goal.against, line.percentile) if goal.against else 1.0
    if ours is None or unit is None:
        return None
    limit = goal.bound * unit
    return ours >= limit if goal.at_least else ours <= limit


def markdown(lines: Sequence[Line], samples: Samples, titles: Mapping[str, str]) -> str:
    """`titles`: of contenders, and of series that are a goal's or a base's."""
    columns = [name for name in titles if any(name in found for found in samples.values())]
    head = ["", *(titles[name] for name in columns), "Goal for taskdock", "Met"]
    shown = [line for line in lines if samples.get(line.series)]
    rows = [_row(head), _row(["---"] * len(head))]
    for line in shown:
        cells = [_cell(line, samples, name) for name in columns]
        goals = [_goal(goal, line, titles) for goal in line.goals]
        kept = [_YES_NO[met(goal, line, samples)] for goal in line.goals]
        rows.append(_row([line.what, *cells, "<br>".join(goals), "<br>".join(kept)]))
    return "\n".join(rows)


def text(value: float) -> str:
    """Three digits that mean something: 0.00123, 0.123, 1.23, 12.3, 123, 1,234."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) < 0.1:
        return f"{value:.3g}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


_YES_NO = {True: "yes", False: "**no**", None: "not measured"}


def _cell(line: Line, samples: Samples, contender: str) -> str:
    found = figure(samples, (line.series, contender), line.percentile)
    if found is None:
        return ""
    absolute = f"{text(found)} {line.unit}"
    times = ratio(line, samples, contender)
    return absolute if times is None else f"**{text(times)} x** {absolute}"


def _goal(goal: Goal, line: Line, titles: Mapping[str, str]) -> str:
    sign = "≥" if goal.at_least else "≤"
    if goal.against is None:
        return f"{sign} {goal.bound:g} {line.unit}"
    series, contender = goal.against
    whose = titles.get(contender, contender) if contender != OURS else titles[series]
    return f"{sign} {goal.bound:g} x {whose}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
