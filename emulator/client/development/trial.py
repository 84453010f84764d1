"""The trial: runs a function with the caller's event after each change, beside what it gave before.

Runs are made one after the other, on a thread of their own, so that a function that takes long
holds up nothing else.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.base.strict_json.difference import difference
from taskdock.client.api import FUNCTION_FAILED, Json, TaskService
from taskdock.client.console import output
from taskdock.client.deployment import image_wait
from taskdock.client.errors import ServiceError
from taskdock.client.failures import telling
from taskdock.client.failures.telling import ToldFailure


@dataclass(frozen=True)
class TrialRun:
    """The outcome of one run."""

    name: str
    value: Any = None
    """The result; of a run that failed the error, an object with `name` and `message`."""
    failure: ToldFailure | None = None
    log: Sequence[str] = ()
    changes: list[str] | None = None
    """A line for each place in which it differs from the run before. None: there was none."""
    refused: str = ""
    """The reason for which the function was not run."""


class Trials:
    """Of one session."""

    def __init__(self, service: TaskService, event: object) -> None:
        self._service = service
        self._event = event
        self._wanted: queue.SimpleQueue[tuple[str, Path]] = queue.SimpleQueue()
        self._last: dict[str, TrialRun] = {}

    def start(self, show: Callable[[TrialRun], object]) -> None:
        """`show` is called with each trial, on the thread of the trials."""
        threading.Thread(target=self._run, args=(show,), daemon=True).start()

    def want(self, name: str, folder: Path) -> None:
        """The function has new code. `folder`: that of its task-config.json."""
        self._wanted.put((name, folder))

    def _run(self, show: Callable[[TrialRun], object]) -> None:
        while True:
            name, folder = self._wanted.get()
            try:
                trial = self._tried(name, folder)
            except TaskdockError as error:
                trial = TrialRun(name, refused=error.message)
            show(trial)

    def _tried(self, name: str, folder: Path) -> TrialRun:
        failure: ToldFailure | None = None
        log: Sequence[str]
        try:
            with image_wait.told(self._service, name, output.note):
                task = self._service.execute(name, self._event)
            value, log = task.get("result"), telling.messages(self._service, task["id"])
        except ServiceError as error:
            if error.code != FUNCTION_FAILED:
                raise
            failed: Json = error.answer["runtimeError"]
            value = {key: failed[key] for key in ("name", "message") if key in failed}
            task_id = error.answer["taskId"]
            failure = telling.tell(
                self._service, name, task_id, failed, data=self._event, here=folder
            )
            log = failure.log
        before = self._last.get(name)
        changes = None if before is None else _changes(before, failure is not None, value)
        self._last[name] = trial = TrialRun(name, value, failure, log, changes)
        return trial


def _changes(before: TrialRun, failed: bool, value: Any) -> list[str]:
    had_failed = before.failure is not None
    if had_failed is failed:
        return difference(before.value, value)
    old, new = ("error" if one else "result" for one in (had_failed, failed))
    return difference({old: before.value}, {new: value})
