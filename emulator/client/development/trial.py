"""The trial: runs a function with the caller's event after each change, beside what it gave before.

Runs are made one after the other, on a thread of their own, so that a function that takes long
holds up nothing else.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.base.machine import threads
from taskdock.base.strict_json.difference import difference
from taskdock.base.timing.clock import Clock
from taskdock.client import follow
from taskdock.client.api import Json, TaskService
from taskdock.client.console import output
from taskdock.client.deployment import images
from taskdock.client.failures import telling


@dataclass(frozen=True)
class TrialRun:
    """The outcome of one run."""

    name: str
    value: Any = None
    """The result; of a run that failed the error, an object with `name` and `message`."""
    failed: bool = False
    has_result: bool = True
    """False: it has failed, or the server has not kept the result."""
    log: list[str] = field(default_factory=list)
    """Of a run that failed the function's own lines alone."""
    block: list[str] = field(default_factory=list)
    """Of a run that failed: the error, its place in the code, and what helps."""
    task_id: str = ""
    changes: list[str] | None = None
    """A line for each place in which it differs from the run before. None: there was none."""
    refused: str = ""
    """The reason for which the function was not run."""


class Trials:
    """Of one session."""

    def __init__(
        self, service: TaskService, event: object, paths: Sequence[Path], clock: Clock
    ) -> None:
        """`paths`: in which the functions are."""
        self._service = service
        self._event = event
        self._folders = [path if path.is_dir() else path.parent for path in paths]
        self._clock = clock
        self._wanted: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._last: dict[str, TrialRun] = {}

    def start(self, show: Callable[[TrialRun], object]) -> None:
        """`show` is called with each trial, on the thread of the trials."""
        threads.start(partial(self._run, show), name="trials")

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
        with images.told(self._service, name, output.note):
            end = follow.call(self._service, name, self._event, clock=self._clock)
        log = telling.messages(self._service, end.task_id)
        trial = TrialRun(name, end.result, has_result=end.has_result, log=log, task_id=end.task_id)
        if end.error is not None:
            trial = self._explained(trial, end.error)
        before = self._last.get(name)
        self._last[name] = trial
        return trial if before is None else replace(trial, changes=_changes(before, trial))

    def _explained(self, trial: TrialRun, error: Json) -> TrialRun:
        from taskdock.client.failures.block import block  # noqa: PLC0415 - late: most do not fail
        from taskdock.client.failures.gathering import code_folder, gather  # noqa: PLC0415
        from taskdock.client.failures.log_lines import short  # noqa: PLC0415

        here = next((one for one in self._folders if code_folder(one, trial.name)), None)
        found = gather(
            self._service, trial.name, trial.task_id, error, trial.log, data=self._event, here=here
        )
        value = {key: error[key] for key in ("name", "message") if key in error}
        log = short(trial.log, error=error)
        return replace(trial, value=value, failed=True, log=log, block=block(found))


def _changes(before: TrialRun, after: TrialRun) -> list[str] | None:
    """None: one of them is not known."""
    if not all(one.failed or one.has_result for one in (before, after)):
        return None
    if before.failed is after.failed:
        return difference(before.value, after.value)
    old, new = ("error" if one.failed else "result" for one in (before, after))
    return difference({old: before.value}, {new: after.value})
