"""Worker: claims as many due tasks as it has idle places for, and hands each to the runner."""

from __future__ import annotations

import threading

from emulator.clock import Clock
from emulator.loop import Loop
from emulator.notices import Notices
from emulator.tasks.queue import Queue
from emulator.tasks.runner import Runner
from emulator.tasks.task import Task

_LONGEST_PAUSE = 5.0  # seconds, so that a clock that was set forward is noticed


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
        self._running = 0
        self._changed = threading.Condition()

    def run_once(self) -> float:
        with self._changed:
            free = self._places - self._running
        if free == 0:
            return _LONGEST_PAUSE
        now = self._clock.now()
        for task in self._queue.claim(free, now):
            self._notices.publish("task_claimed", task=task.id, function=task.function_name)
            with self._changed:
                self._running += 1
            threading.Thread(
                target=self._run_task, args=(task,), name=f"task-{task.id}", daemon=True
            ).start()
        due = self._queue.next_due()
        if due is None:
            return _LONGEST_PAUSE
        return min(max((due - now).total_seconds(), 0.0), _LONGEST_PAUSE)

    def await_idle(self, limit: float) -> bool:
        """For a worker that has stopped: waits `limit` seconds at most until nothing runs."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, limit)

    def _run_task(self, task: Task) -> None:
        try:
            self._runner.run(task)
        except Exception as error:  # the store, most likely; the task stays in progress
            self._notices.publish("task_broke", task=task.id, error=repr(error))
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
            self.wake()
