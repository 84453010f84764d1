"""The plot: one bar for each contender, by its ratio, on a logarithmic scale. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from xml.sax.saxutils import escape

from benchmarks.speed.table import OURS, Line, Samples, base_of, figure, ratio, text

WIDTH, LEFT, RIGHT, BAR, GAP = 760, 190, 150, 16, 34  # pixels


def svg(lines: Sequence[Line], samples: Samples, titles: Mapping[str, str]) -> str:
    """Lines without a ratio are left out."""
    shown = [line for line in lines if base_of(line, samples) and _bars(line, samples, titles)]
    ratios = [times for line in shown for _, times, _ in _bars(line, samples, titles)]
    low, high = floor(log10(min([*ratios, 0.1]))), ceil(log10(max([*ratios, 10.0])))
    room = WIDTH - LEFT - RIGHT

    def across(times: float) -> float:
        return LEFT + room * (log10(times) - low) / (high - low)

    drawn, y = [], 10
    for line in shown:
        y += GAP
        base = base_of(line, samples)
        better = "more" if line.more_is_better else "less"
        of = titles[base[1]] if base else ""
        drawn.append(_text(10, y - 8, f"{line.what} (x {of}; {better} is better)", "bold"))
        for name, times, label in _bars(line, samples, titles):
            start, end = sorted((across(1), across(times)))
            colour = "#1f6feb" if name == OURS else "#8c959f"
            width = max(end - start, 1.5)
            drawn.append(
                f'<rect x="{start:.1f}" y="{y}" width="{width:.1f}" height="{BAR - 3}"'
                f' fill="{colour}"/>'
            )
            drawn.append(_text(10, y + 11, titles[name]))
            drawn.append(_text(max(across(1), end) + 6, y + 11, label))
            y += BAR
    axis = (
        f'<line x1="{across(1):.1f}" y1="10" x2="{across(1):.1f}" y2="{y}" stroke="#57606a"'
        ' stroke-width="1"/>'
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10}"'
        ' font-family="sans-serif" font-size="12">'
    )
    page = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, page, *drawn, axis, "</svg>", ""])


def _bars(line: Line, samples: Samples, titles: Mapping[str, str]) -> list[tuple[str, float, str]]:
    bars = []
    for name in titles:
        times = ratio(line, samples, name)
        absolute = figure(samples, (line.series, name), line.percentile)
        if times and absolute is not None:
            bars.append((name, times, f"{text(times)} x ({text(absolute)} {line.unit})"))
    return bars


def _text(x: float, y: float, words: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-weight="{weight}">{escape(words)}</text>'
