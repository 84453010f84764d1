"""A pulse in the silence of what takes long."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from taskdock.engines.standins import programs
from taskdock.engines.standins.pulse import Pulse

LIMIT = 10.0


class Beats:
    """What a pulse says, and a clock that is a minute on each time it is looked at."""

    def __init__(self) -> None:
        self.said: queue.Queue[str] = queue.Queue()
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 60
        return self._now

    def pulse(self, *, every: float) -> Pulse:
        return Pulse(self.said.put, clock=self, every=every)  # type: ignore[arg-type]


def test_silence_is_filled_with_what_goes_on_and_for_how_long() -> None:
    beats = Beats()

    with beats.pulse(every=0.001) as pulse:
        pulse.note("installing")
        told = [beats.said.get(timeout=LIMIT) for _ in range(2)]

    assert told == ["installing: 60 s", "installing: 120 s"]


def test_the_same_thing_noted_again_goes_on_counting() -> None:
    beats = Beats()

    with beats.pulse(every=0.001) as pulse:
        pulse.note("assembling")
        beats.said.get(timeout=LIMIT)
        pulse.note("assembling")
        told = beats.said.get(timeout=LIMIT)

    assert int(told.removeprefix("assembling: ").removesuffix(" s")) >= 120


def test_nothing_is_said_before_anything_was_noted_or_after_the_end() -> None:
    beats = Beats()

    with beats.pulse(every=0.001):
        pass
    with beats.pulse(every=1000) as pulse:
        pulse.note("quick")

    assert beats.said.empty()


@pytest.mark.parametrize(("before", "after"), [(0o600, 0o644), (0o700, 0o755), (0o755, 0o755)])
def test_everybody_can_read_what_goes_into_an_image(
    before: int, after: int, tmp_path: Path
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o700)
    file = inner / "file"
    file.touch()
    file.chmod(before)
    (inner / "nowhere").symlink_to("/nowhere")

    programs.readable(tmp_path)

    assert file.stat().st_mode & 0o777 == after
    assert inner.stat().st_mode & 0o777 == 0o755
