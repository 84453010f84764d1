"""Rescuer: ends tasks that are in progress but run nowhere, so that none is stuck.

They come from a server that died. What surely had not begun there is new again; of the rest nobody
knows what became of it, and it has failed.
"""

from __future__ import annotations

from datetime import timedelta

from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock
from emulator.base.timing.loop import Loop
from emulator.tasks.model.notices import TaskFailed, TaskReleased
from emulator.tasks.queue.queue import Queue
from emulator.tasks.queue.runner import Runner

_ROUND = 30.0  # seconds
_NO_REPORT = timedelta(minutes=5)  # the Task Service's


class Rescuer(Loop):
    name = "rescuer"

    def __init__(self, *, queue: Queue, runner: Runner, clock: Clock, notices: Notices) -> None:
        super().__init__(clock, notices)
        self._queue = queue
        self._runner = runner

    def run_once(self) -> float:
        self.rescue(_NO_REPORT)
        return _ROUND

    def rescue(self, after: timedelta) -> None:
        """Ends what has been in progress for `after` and does not run."""
        running = self._runner.running
        ended = self._queue.reclaim(self._clock, after=after, running=running)
        for task in ended:
            if task.error is None:
                self._notices.publish(TaskReleased(task=task.id))
            else:
                self._notices.publish(TaskFailed(task=task.id, error=task.error.name))
