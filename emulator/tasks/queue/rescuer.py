"""Rescuer: has no work stay claimed by a server that is gone, so that none is stuck.

It says that this server is alive, and finds out which others are. Tasks of the others that surely
had not begun are new again; of the rest nobody knows what became of them, and they have failed.
Events, deliveries and schedules of the others are given back, and told or made again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.loop import Loop
from taskdock.tasks.model.notices import TaskFailed, TaskReleased
from taskdock.tasks.queue.queue import Queue
from taskdock.tasks.queue.runner import Runner
from taskdock.tasks.work.claims import ClaimTable
from taskdock.tasks.work.servers import Servers

_ROUND = 30.0  # seconds


class Rescuer(Loop):
    name = "rescuer"

    def __init__(
        self,
        *,
        queue: Queue,
        runner: Runner,
        servers: Servers,
        others: Collection[ClaimTable],
        no_report: timedelta,
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`others`: all claimed work but tasks. `no_report`: a task of this server that has been in
        progress for so long and does not run is lost."""
        super().__init__(clock, notices)
        self._queue = queue
        self._runner = runner
        self._servers = servers
        self._others = others
        self._no_report = no_report

    def begin(self) -> None:
        """At the start of a server that has its database alone: all other servers are gone. Before
        anything is claimed. Raises `StorageError`."""
        self._servers.enter(alone=True)
        self.rescue(timedelta(0))

    def run_once(self) -> float:
        self._servers.beat()
        self.rescue(self._no_report)
        return _ROUND

    def rescue(self, after: timedelta) -> None:
        """Ends or gives back what servers that are gone have claimed, and ends this server's own
        tasks that have been in progress for `after` and do not run."""
        alive = self._servers.alive()
        for table in self._others:
            table.reclaim(alive)
        ended = self._queue.reclaim(
            self._clock, after=after, running=self._runner.running, servers=alive
        )
        for task in ended:
            if task.error is None:
                self._notices.publish(TaskReleased(task=task.id))
            else:
                self._notices.publish(TaskFailed(task=task.id, error=task.error.name))
