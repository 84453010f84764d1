"""Worker: claims as many due tasks as it has free places, begins them, writes how they ended.

One thread does it all, in turns: what has ended since the last turn and what is claimed in its
places are one transaction. So under load many tasks share a commit, and an idle server reacts at
once. Nothing is claimed while containers cannot be had.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock, SystemClock
from emulator.base.timing.loop import LONGEST_PAUSE, Loop, until
from emulator.lambdas.outcome import Outcome
from emulator.tasks.model.notices import TaskClaimed
from emulator.tasks.model.task import Task
from emulator.tasks.queue.queue import Queue
from emulator.tasks.queue.runner import Run, Runner


class Worker(Loop):
    name = "worker"

    def __init__(
        self,
        *,
        queue: Queue,
        runner: Runner,
        places: int,
        held: Callable[[], bool],
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`places`: how many tasks may run side by side. `held`: whether nothing may be claimed for
        now; who ends that wakes the worker."""
        super().__init__(clock, notices)
        self._queue = queue
        self._runner = runner
        self._places = places
        self._held = held
        self._ended: deque[tuple[Run, Outcome]] = deque()  # filled by other threads
        self._busy = 0  # places of tasks that were begun and have not been taken from `_ended`

    def run_once(self) -> float:
        ended = self._take_ended()
        free = 0 if self._held() else self._places - self._busy
        claimed = self._turn(ended, free) if ended or free else []
        for task in claimed:
            self._busy += 1
            self._notices.publish(TaskClaimed(task=task.id, function=task.function_name))
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
            self._turn(self._take_ended(), 0)
            if not self._busy:
                return True
            left = deadline - clock.monotonic()
            if left <= 0:
                return False
            self._wake.wait(left)

    def _note_end(self, run: Run, outcome: Outcome) -> None:
        """On any thread; never blocks."""
        self._ended.append((run, outcome))
        self.wake()

    def _take_ended(self) -> list[tuple[Run, Outcome]]:
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        self._busy -= len(ended)
        return ended

    def _turn(self, ended: list[tuple[Run, Outcome]], free: int) -> list[Task]:
        """What cannot be written as a whole is left to who writes each ending on its own: it holds
        up neither another nor this thread."""
        try:
            return self._runner.write_endings(ended, then_claim=free)
        except Exception as problem:
            if not ended:
                raise
            for run, outcome in ended:
                self._runner.keep_ending(run, outcome, problem)
        return self._runner.write_endings([], then_claim=free)

    def _pause(self, *, all_claimed: bool) -> float:
        """Seconds. What is due waits for an ending, unless all of it was claimed."""
        if not all_claimed:
            return LONGEST_PAUSE
        now = self._clock.now()
        due = self._queue.next_due()
        if due is not None and due > now and self._queue.bring_forward(self._clock):
            return 0.0
        return until(due, now)
