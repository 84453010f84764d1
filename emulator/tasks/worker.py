"""Worker: claims as many due tasks as it has free places, begins them, writes how they ended.

One thread does it all, in turns: what has ended since the last turn and what is claimed in its
places are one transaction. So under load many tasks share a commit, and an idle server reacts at
once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulator.clock import Clock, SystemClock
from emulator.lambdas.outcome import Outcome
from emulator.loop import LONGEST_PAUSE, Loop, until
from emulator.notices import Notices
from emulator.tasks.queue import Queue
from emulator.tasks.runner import Run, Runner
from emulator.tasks.task import Task

_TRY_AGAIN = 1.0  # seconds until an ending that could not be written is written again
_TRY_FOR = timedelta(minutes=5)  # then the rescuer takes the task


@dataclass(frozen=True)
class _Unwritten:
    run: Run
    outcome: Outcome
    since: datetime


class Worker(Loop):
    name = "worker"

    def __init__(
        self, *, queue: Queue, runner: Runner, places: int, clock: Clock, notices: Notices
    ) -> None:
        """`places`: how many tasks may run side by side."""
        super().__init__(notices)
        self._queue = queue
        self._runner = runner
        self._places = places
        self._clock = clock
        self._ended: deque[tuple[Run, Outcome]] = deque()  # filled by other threads
        self._busy = 0  # places of tasks that were begun and have not been taken from `_ended`
        self._unwritten: list[_Unwritten] = []

    def run_once(self) -> float:
        self._write_again()
        ended = self._take_ended()
        free = self._places - self._busy
        claimed = self._turn(ended, free) if ended or free else []
        for task in claimed:
            self._busy += 1
            self._notices.publish("task_claimed", task=task.id, function=task.function_name)
            self._runner.begin(task, self._note_end)
        return self._pause(all_claimed=len(claimed) < free)

    def await_idle(self, limit: float) -> bool:
        """For a worker that has stopped: waits `limit` seconds at most until nothing runs.

        It is the caller's thread that writes what ends meanwhile.
        """
        clock = SystemClock()  # a clock that stands still would wait for ever
        deadline = clock.monotonic() + limit
        while True:
            self._wake.clear()
            self._write_again()
            self._turn(self._take_ended(), 0)
            if not self._busy and not self._unwritten:
                return True
            left = deadline - clock.monotonic()
            if left <= 0:
                return False
            self._wake.wait(min(left, _TRY_AGAIN))

    def _note_end(self, run: Run, outcome: Outcome) -> None:
        """On any thread; never blocks."""
        self._ended.append((run, outcome))
        self.wake()

    def _take_ended(self) -> list[tuple[Run, Outcome]]:
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        self._busy -= len(ended)
        return ended

    def _turn(self, ended: list[tuple[Run, Outcome]], free: int) -> list[Task]:
        """Where it cannot be written as a whole, each ending is on its own."""
        try:
            return self._runner.write_endings(ended, then_claim=free)
        except Exception:
            if not ended:
                raise
        for run, outcome in ended:
            problem = self._write(run, outcome)
            if problem is not None:
                self._runner.give_up(run)
                self._unwritten.append(_Unwritten(run, outcome, self._clock.now()))
                self._notices.publish("task_broke", task=run.task.id, error=repr(problem))
        return self._runner.write_endings([], then_claim=free)

    def _write_again(self) -> None:
        """The task stays in progress until its ending is written, or the rescuer has ended it."""
        latest = self._clock.now() - _TRY_FOR
        self._unwritten = [
            one
            for one in self._unwritten
            if self._write(one.run, one.outcome) is not None and one.since > latest
        ]

    def _write(self, run: Run, outcome: Outcome) -> Exception | None:
        """What has kept it from being written."""
        try:
            self._runner.write_endings([(run, outcome)])
        except Exception as problem:
            return problem
        return None

    def _pause(self, *, all_claimed: bool) -> float:
        """Seconds. What is due waits for an ending, unless all of it was claimed."""
        longest = _TRY_AGAIN if self._unwritten else LONGEST_PAUSE
        if not all_claimed:
            return longest
        return until(self._queue.next_due(), self._clock.now(), longest)
