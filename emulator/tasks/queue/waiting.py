"""Marks claimed tasks that have surely not begun, so that a crash does not make zombies of them.

A claimed task may have begun, and most begin at once. A task that has to wait for an environment is
marked, and unmarked before its function gets the event. So a task that a dead server left marked
can be given back, and none runs twice. Marks are written on one thread, in the order in which they
were asked for.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from taskdock.base.notices import Notices
from taskdock.tasks.model.notices import TaskNotMarked
from taskdock.tasks.model.task import Task
from taskdock.tasks.queue.queue import Queue


class WaitingTasks:
    def __init__(self, *, queue: Queue, notices: Notices) -> None:
        self._queue = queue
        self._notices = notices
        self._thread = ThreadPoolExecutor(1, "waiting-tasks")

    def turn(self, task: Task) -> TaskTurn:
        return TaskTurn(self, task)

    def mark(self, task: Task) -> None:
        """Soon; never blocks."""
        try:
            self._thread.submit(self._write, task, True)
        except RuntimeError:  # the server has stopped
            return

    async def unmark(self, task: Task) -> bool:
        """Whether that is written, so that the task may begin."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._write, task, False)
        except RuntimeError:  # the server has stopped
            return False

    def stop(self) -> None:
        self._thread.shutdown()

    def _write(self, task: Task, waiting: bool) -> bool:
        try:
            return self._queue.mark(task, waiting=waiting)
        except Exception as error:
            self._notices.publish(TaskNotMarked(task=task.id, error=repr(error)))
            return False


class TaskTurn:
    """One claim's, for the invoker."""

    def __init__(self, waiting: WaitingTasks, task: Task) -> None:
        self._waiting = waiting
        self._task = task

    def waits(self) -> None:
        self._waiting.mark(self._task)

    async def begins(self) -> bool:
        return await self._waiting.unmark(self._task)
