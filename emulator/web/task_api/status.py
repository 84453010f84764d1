"""/health and /status: what the server has and does, and what fails.

The report is made also where the database cannot be read, since that is when people ask for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus

from taskdock import __version__
from taskdock.base.errors import StorageError
from taskdock.base.health import Trouble
from taskdock.base.strict_json import present
from taskdock.base.timing.clock import Clock, to_iso
from taskdock.lambdas.functions.images_in_use import ImageUse
from taskdock.lambdas.pool.waiters import WaitingCalls
from taskdock.lambdas.slot import EnvironmentReport, PrewarmLevel
from taskdock.tasks.model.task import Status
from taskdock.tasks.retention.retention import Stored
from taskdock.web.common.endpoint import Endpoint, Gate
from taskdock.web.task_api import status_json as parts
from taskdock.web.task_api.status_json import (
    HealthJson,
    HindrancesJson,
    StatusJson,
    StoredJson,
    TasksJson,
)

endpoint = partial(Endpoint, tag="Server")


class Report:
    """Makes the report anew each time that it is asked for."""

    def __init__(
        self,
        *,
        url: str,
        budget: int,
        environments: Callable[[], Sequence[EnvironmentReport]],
        prewarmed: Callable[[], Sequence[PrewarmLevel]],
        held: Callable[[], int],
        waiting: Callable[[], Sequence[WaitingCalls]],
        queued: Callable[[], Mapping[Status, int]],
        images: Callable[[], Sequence[ImageUse]],
        troubles: Callable[[], Sequence[Trouble]],
        stored: Callable[[], Stored],
        clock: Clock,
    ) -> None:
        """`budget`: MB for all environments together; `held`: MB that are. `waiting`: calls that
        wait for an environment. `queued`: tasks that have not ended."""
        self._url = url
        self._budget = budget
        self._environments = environments
        self._prewarmed = prewarmed
        self._held = held
        self._waiting = waiting
        self._queued = queued
        self._images = images
        self._troubles = troubles
        self._stored = stored
        self._clock = clock
        self._began = clock.now()

    def __call__(self) -> StatusJson:
        return self._shown(*self._in_the_database())

    def of_memory(self) -> StatusJson:
        """The report without what the database has: however much that is, it is made at once."""
        return self._shown(None, None)

    def _shown(self, tasks: TasksJson | None, stored: StoredJson | None) -> StatusJson:
        reports, prewarmed = self._environments(), self._prewarmed()
        now, moment = self._clock.now(), self._clock.monotonic()
        shown: StatusJson = {
            "version": __version__,
            "url": self._url,
            "startTimestamp": to_iso(self._began),
            "environments": [parts.environment_json(each, now, moment) for each in reports],
            "prepared": [parts.level_json(level) for level in prewarmed],
            "waiting": [parts.waiting_json(calls, now, moment) for calls in self._waiting()],
            "images": [parts.image_json(use) for use in self._images()],
            "memory": {"budget": self._budget, "held": self._held()},
            "tasks": tasks,
            "stored": stored,
            "troubles": parts.troubles_json(self._troubles()),
        }
        return present(shown)

    def hindrances(self) -> HindrancesJson:
        """The parts of the report that say why work waits; the database is not asked for them."""
        now, moment = self._clock.now(), self._clock.monotonic()
        return {
            "waiting": [parts.waiting_json(calls, now, moment) for calls in self._waiting()],
            "memory": {"budget": self._budget, "held": self._held()},
            "troubles": parts.troubles_json(self._troubles()),
        }

    def _in_the_database(self) -> tuple[TasksJson | None, StoredJson | None]:
        """The tasks and what is stored; None where the database cannot be read. `troubles`, asked
        for after that, has the reason."""
        try:
            queued, stored = self._queued(), self._stored()
        except (StorageError, OSError):
            return None, None
        tasks: TasksJson = {
            "new": queued[Status.NEW],
            "inProgress": queued[Status.IN_PROGRESS],
        }
        return tasks, parts.stored_json(stored)

    def health(self) -> tuple[HealthJson, HTTPStatus]:
        """Whether calls are served; 503 when some are refused or have to wait for something."""
        troubles = self._troubles()
        failing = any(not trouble.degraded for trouble in troubles)
        shown: HealthJson = {
            "status": "failing" if failing else "ok",
            "version": __version__,
            "environments": len(self._environments()),
            "troubles": parts.troubles_json(troubles),
        }
        return shown, HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK


class ServerViews:
    def __init__(self, report: Report) -> None:
        self._report = report

    @endpoint(
        "GET",
        "/health",
        permission=Gate.ANYONE,
        summary="Whether the server is there, and what fails (503)",
        answer=HealthJson,
        answer_503=HealthJson,
    )
    def health(self) -> tuple[HealthJson, HTTPStatus]:
        return self._report.health()

    @endpoint(
        "GET",
        "/status",
        permission="VIEW_TASK_FUNCTIONS",  # it names them
        summary="What the server has and does, and what fails: environments, the queue, MB",
        answer=StatusJson,
    )
    def status(self) -> StatusJson:
        return self._report()
