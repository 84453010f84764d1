"""Scheduler: lets the timetable turn what is due into tasks, and sleeps until the next is due."""

from __future__ import annotations

from collections.abc import Callable

from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock
from emulator.base.timing.loop import Loop, until
from emulator.tasks.model.notices import TaskCreated
from emulator.tasks.schedules.schedules import Schedules


class Scheduler(Loop):
    name = "scheduler"

    def __init__(
        self,
        *,
        timetable: Schedules,
        wake_worker: Callable[[], None],
        clock: Clock,
        notices: Notices,
    ) -> None:
        super().__init__(clock, notices)
        self._timetable = timetable
        self._wake_worker = wake_worker

    def run_once(self) -> float:
        now = self._clock.now()
        made = self._timetable.turn_due(now)
        for task in made:
            self._notices.publish(TaskCreated(task=task.id, function=task.function_name))
        if made:
            self._wake_worker()
        return until(self._timetable.next_due(), now)
