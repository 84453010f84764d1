"""The tasks that wait, compared with what a test expects. Pure but for `EnqueuedTasks`.

Data are equal, unless the test writes `matching(...)`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskdock.base.timing.clock import SystemClock
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.client.steering.clock import ClockControl
from taskdock.testing.client.tasks import TaskControl, TaskHandle
from taskdock.testing.values.times import Length, in_words, seconds_of

DELTA = 10.0
"""Seconds by which a task may start earlier or later than the test has said."""
ANY: Any = object()
"""Stands for data that a test does not look at."""

_SHOWN = 10  # tasks in a failure
_PAUSE = 0.02


@dataclass(frozen=True, kw_only=True)
class ExpectedTask:
    """A task as a test has described it; None, or `ANY`: it has not said."""

    function: str
    data: Any = ANY
    start_in: float | None = None
    delta: float = DELTA
    tags: Sequence[str] | None = None
    priority: int | None = None

    def differences(self, task: TaskHandle, nows: Sequence[datetime]) -> list[str]:
        """A line for each thing that is different; none: it is such a task.

        `nows`: the moments from which `start_in` may be counted. They are the server's time, and
        this machine's: the one that a function reads, which no clock of a server moves.
        """
        found = []
        if task.function != self.function:
            found.append(f"function: {task.function}, not {self.function}")
        if self.data is not ANY:
            found += _different("data", task.data, self.data)
        if self.start_in is not None:
            starts = [(task.start - now).total_seconds() for now in nows]
            nearest = min(starts, key=lambda start: abs(start - (self.start_in or 0)))
            if abs(nearest - self.start_in) > self.delta:
                found.append(f"start_in: {in_words(nearest)}, not {self._start()}")
        for tag in self.tags or ():
            if tag not in task.tags:
                found.append(f"tags: {task.tags} has no {tag!r}")
        if self.priority is not None and task.priority != self.priority:
            found.append(f"priority: {task.priority}, not {self.priority}")
        return found

    def __str__(self) -> str:
        words = [self.function]
        if self.data is not ANY:
            words.append(f"data={self.data!r}")
        if self.start_in is not None:
            words.append(f"start_in={self._start()}")
        if self.tags is not None:
            words.append(f"tags={list(self.tags)!r}")
        if self.priority is not None:
            words.append(f"priority={self.priority}")
        return ", ".join(words)

    def _start(self) -> str:
        return f"{in_words(self.start_in or 0)} (give or take {in_words(self.delta)})"


class EnqueuedTasks:
    """The tasks of one server that wait to be run: those that are new."""

    def __init__(self, access: HarnessAccess, tasks: TaskControl, clock: ClockControl) -> None:
        self._access = access
        self._tasks = tasks
        self._clock = clock

    def all(self, expected: ExpectedTask | None = None) -> list[TaskHandle]:
        """Those that are as expected, by their start. Raises `UnknownFunction` where no task of a
        function waits, and there is no such function."""
        waiting = self._tasks.find("eq(status,new)")
        if expected is None:
            return waiting
        return self._like(expected, waiting, may_be_unknown=True)

    def require(self, expected: ExpectedTask, *, count: int | None, within: Length) -> TaskHandle:
        """The first of those that are as expected. See `Taskdock.assert_enqueued`."""
        if count is not None and count < 1:
            raise ValueError(f"count is {count}; for none, use refute_enqueued")
        found: list[TaskHandle] = []
        for found in self._looks(expected, within):
            if found and count in (None, len(found)):
                return found[0]
        number = f"{len(found)} tasks, not {count}, are" if found else "no task is"
        raise self._failure(f"{number} enqueued as {expected}", expected, seconds_of(within))

    def refute(self, expected: ExpectedTask, *, within: Length) -> None:
        """See `Taskdock.refute_enqueued`."""
        for found in self._looks(expected, within):
            if found:
                shown = "\n".join(f"  {described(task, self._nows(expected)[0])}" for task in found)
                raise AssertionError(f"no task should be enqueued as {expected}, but:\n{shown}")

    def _like(
        self, expected: ExpectedTask, waiting: list[TaskHandle], *, may_be_unknown: bool
    ) -> list[TaskHandle]:
        if may_be_unknown and not any(task.function == expected.function for task in waiting):
            self._access.require_function(expected.function)
        nows = self._nows(expected)
        return [task for task in waiting if not expected.differences(task, nows)]

    def _looks(self, expected: ExpectedTask, within: Length) -> Iterator[list[TaskHandle]]:
        """The tasks that are as expected, again and again until the time is over. The first look
        alone asks whether there is such a function."""
        deadline = time.monotonic() + seconds_of(within)
        may_be_unknown, is_last = True, False
        while not is_last:
            is_last = time.monotonic() >= deadline
            waiting = self._tasks.find("eq(status,new)")
            yield self._like(expected, waiting, may_be_unknown=may_be_unknown)
            may_be_unknown = False
            if not is_last:
                time.sleep(_PAUSE)

    def _failure(self, what: str, expected: ExpectedTask, within: float) -> AssertionError:
        everything = self._tasks.find()
        waiting = [task for task in everything if task.status == "new"]
        nows = self._nows(expected)
        after = f" within {in_words(within)}" if within else ""
        lines = [f"{what}{after}", enqueued_text(expected, waiting, nows)]
        been = Counter(
            task.status
            for task in everything
            if task.function == expected.function and task.status != "new"
        )
        if been:
            counted = ", ".join(f"{number} {status}" for status, number in been.items())
            lines.append(f"tasks of {expected.function} that do not wait any more: {counted}")
        return AssertionError("\n".join(lines))

    def _nows(self, expected: ExpectedTask) -> list[datetime]:
        here = SystemClock().now()
        return [here] if expected.start_in is None else [self._clock.here_or_there(), here]


def enqueued_text(
    expected: ExpectedTask, waiting: Sequence[TaskHandle], nows: Sequence[datetime]
) -> str:
    """The tasks that wait instead, the most similar first, with what is different about each."""
    if not waiting:
        return "nothing is enqueued"
    compared = [(expected.differences(task, nows), task) for task in waiting]
    compared.sort(key=lambda pair: (pair[1].function != expected.function, len(pair[0])))
    lines = ["enqueued, the most similar first:"]
    for differences, task in compared[:_SHOWN]:
        lines.append(f"  {described(task, nows[0])}")
        lines += [f"      {difference}" for difference in differences]
    if more := len(compared) - _SHOWN:
        lines += [f"  and {more} more"] if more > 0 else []
    return "\n".join(lines)


def described(task: TaskHandle, now: datetime) -> str:
    start = in_words(round((task.start - now).total_seconds()))
    return f"{task.function} {task.id}, start in {start}, data={task.data!r}"


def _different(path: str, value: Any, expected: Any) -> list[str]:
    """Where a value differs, part by part where both are objects."""
    if isinstance(value, dict) and isinstance(expected, dict):
        lines = [f"{path}/{key}: missing" for key in expected if key not in value]
        lines += [
            f"{path}/{key}: {value[key]!r} is too much" for key in value if key not in expected
        ]
        for key in expected:
            if key in value:
                lines += _different(f"{path}/{key}", value[key], expected[key])
        return lines
    return [] if expected == value else [f"{path}: {value!r}, not {expected!r}"]


def expected_of(
    function: str,
    *,
    data: Any = ANY,
    start_in: Length | None = None,
    delta: Length = DELTA,
    tags: Sequence[str] | None = None,
    priority: int | None = None,
) -> ExpectedTask:
    return ExpectedTask(
        function=function,
        data=data,
        start_in=None if start_in is None else seconds_of(start_in),
        delta=seconds_of(delta),
        tags=tags,
        priority=priority,
    )
