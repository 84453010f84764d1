"""Progress as bars on a terminal, and as lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from taskdock.client.console import progress

IMAGE = "taskdock/standin-python:3.11"


class Now:
    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def bars() -> Progress:
    return Progress(console=Console(file=io.StringIO(), force_terminal=True, width=200))


def drawn(bars: Progress) -> list[tuple[str, float | None, float]]:
    return [(task.description, task.total, task.completed) for task in bars.tasks if task.visible]


def test_what_has_a_percentage_is_a_bar_until_it_is_done(bars: Progress) -> None:
    shown = progress._Bars(bars)

    shown.show("pulling x: 30 %")
    before = drawn(bars)
    shown.show("pulling x: 100 %")

    assert before == [("pulling x", 100, 30)]
    assert drawn(bars) == []


def test_what_only_goes_on_is_a_bar_without_an_end_until_something_else_is_said(
    bars: Progress,
) -> None:
    shown = progress._Bars(bars)

    shown.show(f"{IMAGE}: installing Debian")
    shown.show(f"{IMAGE}: installing Debian: 5 s")
    before = drawn(bars)
    shown.show(f"{IMAGE}: ready")

    assert before == [(f"{IMAGE}: installing Debian: 5 s", None, 0)]
    assert drawn(bars) == []


def test_a_bar_that_stands_still_says_for_how_long(bars: Progress) -> None:
    shown = progress._Bars(bars)

    shown.show(f"{IMAGE}: assembling: 40 %")
    shown.show(f"{IMAGE}: assembling: 15 s")

    assert drawn(bars) == [(f"{IMAGE}: assembling: 15 s", 100, 40)]


def test_of_several_that_go_on_one_line_at_a_time_says_so() -> None:
    now, written = Now(), list[str]()
    lines = progress._Lines(written.append, now)  # type: ignore[arg-type]

    for second, line in enumerate(["a: 5 s", "b: 5 s", "news", "news", "b: 8 s", "a: 9 s"]):
        now.seconds = second
        lines.show(line)
    now.seconds = 8
    lines.show("a: 10 s")

    assert written == ["a: 5 s", "news", "news", "a: 10 s"]
