"""Calls that `taskdock dev --run` and `taskdock debug -d` make: results, failures, long limits."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import TaskService
from taskdock.client.console import exits
from taskdock.client.development.showing import Screen
from taskdock.client.development.trial import TrialRun, Trials
from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.testing.waiting import eventually
from tests.support.builders import LIMIT, Dock
from tests.support.piped import StartPiped

NAME = "walnut-table"
ERROR = "Runtime.OutOfMemory: "
HINT = "Hint: it has used up its memory: "


def breaks(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print("sawing")
    runtime.exhaust_memory()


class Runs:
    """Trials of one function, one after the other."""

    def __init__(self, dock: Dock, event: object) -> None:
        self.service = TaskService(dock.url)
        self.screen = Screen(dock.url, SystemClock())
        self._trials = Trials(self.service, event, [Path()], SystemClock())
        self._shown: queue.SimpleQueue[TrialRun] = queue.SimpleQueue()
        self._trials.start(self._shown.put)

    def __call__(self, name: str = NAME) -> TrialRun:
        self._trials.want(name)
        return self._shown.get(timeout=LIMIT)


@pytest.fixture
def runs(dock: Dock) -> Iterator[Runs]:
    runs = Runs(dock, None)
    yield runs
    runs.service.close()


def has(lines: Sequence[str], *wanted: str) -> bool:
    return all(any(line.startswith(one) for line in lines) for one in wanted)


def test_a_trial_that_fails_shows_the_functions_own_lines_and_the_block(
    dock: Dock, runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    dock.deploy(breaks, runtime="python3.11")

    trial = runs()
    runs.screen.tried(trial)

    shown = capsys.readouterr()
    assert shown.out == ""
    assert "START RequestId" not in shown.err
    lines = ("sawing", ERROR, HINT, f"its log: taskdock logs {trial.task_id}")
    assert has(shown.err.splitlines(), *lines), shown.err


def test_a_trial_is_compared_with_the_one_before(dock: Dock, runs: Runs) -> None:
    legs = iter((4, 3))

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        number = next(legs, None)
        return {"legs": number} if number else breaks(event, runtime)

    dock.deploy(handler)

    assert runs().changes is None
    assert runs().changes == ["/legs: 4 -> 3"]
    assert any("Runtime.OutOfMemory" in line for line in runs().changes or ())


def test_a_trial_of_a_long_time_limit_is_queued(dock: Dock, runs: Runs) -> None:
    dock.deploy(lambda event, runtime: {"legs": 4}, timeLimit=60)

    trial = runs()

    assert (trial.refused, trial.value) == ("", {"legs": 4})


@pytest.mark.parametrize("time_limit", [10, 60])
def test_a_call_of_a_debugged_function_that_fails_shows_the_block(
    dock: Dock, piped: StartPiped, time_limit: int
) -> None:
    dock.deploy(breaks, runtime="python3.11", timeLimit=time_limit)

    debugged = piped(dock.url, "debug", NAME, "--print", "-d", "null")

    lines = ("sawing", ERROR, f"{HINT}384 MB of 384 MB")  # with 256 MB for the debugger
    eventually(lambda: has(debugged.notes, *lines), state=lambda: debugged.notes, within=LIMIT)
    assert debugged.interrupt() == 0


def test_a_server_that_goes_during_a_debug_session_is_3(dock: Dock, piped: StartPiped) -> None:
    dock.deploy(lambda event, runtime: None, runtime="python3.11")
    debugged = piped(dock.url, "debug", NAME, "--print")
    eventually(lambda: has(debugged.notes, "attach with"), within=LIMIT)

    dock.stop()

    assert debugged.wait() == exits.NOT_RUN
