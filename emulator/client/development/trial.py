"""The trial: runs a function with the caller's event after each change, beside what it gave before.

Runs are made one after the other, on a thread of their own, so that a function that takes long
holds up nothing else.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.base.strict_json.difference import difference
from taskdock.client.api import FUNCTION_FAILED, Json, TaskService
from taskdock.client.errors import ServiceError


@dataclass(frozen=True)
class TrialRun:
    """The outcome of one run."""

    name: str
    value: Any = None
    """The result; of a run that failed the error, an object with `name` and `message`."""
    failed: bool = False
    log: list[str] = field(default_factory=list)
    changes: list[str] | None = None
    """A line for each place in which it differs from the run before. None: there was none."""
    refused: str = ""
    """The reason for which the function was not run."""


class Trials:
    """Of one session."""

    def __init__(self, service: TaskService, event: object) -> None:
        self._service = service
        self._event = event
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._last: dict[str, TrialRun] = {}

    def start(self, show: Callable[[TrialRun], object]) -> None:
        """`show` is called with each trial, on the thread of the trials."""
        threading.Thread(target=self._run, args=(show,), daemon=True).start()

    def want(self, name: str) -> None:
        """The function has new code."""
        self._wanted.put(name)

    def _run(self, show: Callable[[TrialRun], object]) -> None:
        while True:
            name = self._wanted.get()
            try:
                trial = self._tried(name)
            except TaskdockError as error:
                trial = TrialRun(name, refused=error.message)
            show(trial)

    def _tried(self, name: str) -> TrialRun:
        try:
            task = self._service.execute(name, self._event)
            failed, value, task_id = False, task.get("result"), task["id"]
        except ServiceError as error:
            if error.code != FUNCTION_FAILED:
                raise
            failure: Json = error.answer["runtimeError"]
            failed, task_id = True, error.answer["taskId"]
            value = {key: failure[key] for key in ("name", "message") if key in failure}
        log = [str(line["message"]).rstrip() for line in self._service.logs(task_id)]
        before = self._last.get(name)
        changes = None if before is None else _changes(before, failed, value)
        self._last[name] = trial = TrialRun(name, value, failed, log, changes)
        return trial


def _changes(before: TrialRun, failed: bool, value: Any) -> list[str]:
    if before.failed is failed:
        return difference(before.value, value)
    old, new = ("error" if one else "result" for one in (before.failed, failed))
    return difference({old: before.value}, {new: value})
