"""The parts of a page of one run, gathered from the services that the APIs use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from taskdock.base.errors import IllegalState, NoApiRequestLogs, NoLogs, NotFound
from taskdock.store.query.model import In, Query
from taskdock.tasks.model import checks, task_json
from taskdock.tasks.model.task import FINAL, Task
from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api import api_functions
from taskdock.web.task_api.api import TaskApi
from taskdock.web.ui.rendering.allowed import log_needs, may, need, need_run, run_needs
from taskdock.web.ui.shown.bar import Segment, bar
from taskdock.web.ui.shown.snippets import AgainCall, Snippet, snippets
from taskdock.web.ui.shown.tree import Branch, grow

_LINES = 1000  # of a log, in a page


@dataclass(frozen=True, kw_only=True)
class ShownRun:
    """A run as its page has it."""

    kind: str
    id: str
    function: str
    status: str
    created: str
    task: Mapping[str, Any] | None = None
    request: Mapping[str, Any] | None = None
    """An API request."""
    run: RunJson | None = None
    """None: it is not kept, or has not ended."""
    event: Any = None
    error: Mapping[str, Any] | None = None
    log: Sequence[str] = ()
    """Empty where the caller may not see it."""
    log_needs: str
    """The permission that shows it."""
    pieces: Sequence[Segment] = ()
    family: Sequence[Branch] = field(default=())
    is_whole: bool = True
    has_ended: bool = True
    snippets: Sequence[Snippet] = ()

    @property
    def log_is_seen(self) -> bool:
        return may(self.log_needs)


class RunParts:
    def __init__(self, tasks: TaskApi, harness: HarnessApi) -> None:
        self._tasks = tasks
        self._harness = harness

    @staticmethod
    def found(tasks: TaskApi, id: str) -> Task:
        """Raises `BadId` or `NotFound`."""
        query = Query(where=In(("id",), (checks.object_id(id),)), limit=1, skip_count=True)
        found, _ = tasks.service.find(query)
        if not found:
            raise NotFound(f"there is no task {id}")
        return found[0]

    def of_task(self, id: str, url: str) -> ShownRun:
        task = self.found(self._tasks, id)
        shown = task_json.to_json(task)
        run = self._kept(task=id)
        family = self._harness.families.of(id)
        error = run["error"] if run and run.get("error") else shown.get("error")
        kind = "execution" if task.direct else "task"
        event = run["event"] if run else shown
        return ShownRun(
            kind=kind,
            id=id,
            function=task.function_name,
            status=task.status.value,
            created=shown["creationTimestamp"],
            task=shown,
            run=run,
            event=event,
            error=error,
            log=self._log_of(id) if may(log_needs(kind)) else (),
            log_needs=log_needs(kind),
            pieces=_pieces(run, max(task.creation_timestamp, task.start_timestamp)),
            family=grow(family["data"]),
            is_whole=family["whole"],
            has_ended=task.status in FINAL,
            snippets=snippets(
                AgainCall(
                    kind=kind, function=task.function_name, url=url, data=task.data, event=event
                )
            ),
        )

    def of_run(self, id: str, url: str) -> ShownRun:
        """The page of the task or the request that it was, while that is kept."""
        run = need_run(self._harness.history.get(id))
        try:
            if task := run.get("taskId"):
                return self.of_task(task, url)
            if asked := run.get("apiRequestId"):
                return self.of_api_request(asked, url)
        except NotFound:
            pass  # The run has outlived it.
        status = "failed" if run.get("error") else "complete"
        return _plain(id, run["functionName"], status, run["at"], run, url)

    def of_api_request(self, id: str, url: str) -> ShownRun:
        need(run_needs("api"))
        query = Query(where=In(("id",), (checks.object_id(id),)), limit=1, skip_count=True)
        found, _ = self._tasks.api_requests.find(query)
        if not found:
            raise NotFound(f"there is no API request {id}")
        shown = api_functions.to_json(found[0])
        run = self._kept(api_request=id)
        event = run["event"] if run else None
        return ShownRun(
            kind="api",
            id=id,
            function=found[0].function_name,
            status="complete" if found[0].error is None else "failed",
            created=shown["timestamp"],
            request=shown,
            run=run,
            event=event,
            error=(run.get("error") if run else None) or shown.get("error"),
            log=self._log_of_api_request(id) if may(log_needs("api")) else (),
            log_needs=log_needs("api"),
            pieces=_pieces(run, None),
            snippets=snippets(
                AgainCall(
                    kind="api",
                    function=found[0].function_name,
                    url=url,
                    event=event,
                    method=found[0].method,
                    path=f"/{found[0].path}",
                )
            ),
        )

    def of_invocation(self, id: str, url: str) -> ShownRun:
        row = self._harness.activity.get(id)
        run = self._kept(request=row.get("requestId") or "")
        return _plain(id, row["functionName"], row["status"], row["at"], run, url)

    def _kept(
        self, *, task: str | None = None, request: str | None = None, api_request: str | None = None
    ) -> RunJson | None:
        found, _ = self._harness.history.find(
            task=task, request=request, api_request=api_request, limit=1
        )
        return found[-1] if found else None

    def _log_of_api_request(self, id: str) -> list[str]:
        try:
            lines = self._tasks.api_requests.logs(id, since=None, limit=_LINES, offset=0)
        except NoApiRequestLogs:
            return []
        return [line.message for line in lines]

    def _log_of(self, id: str) -> list[str]:
        try:
            lines = self._tasks.service.logs(id, since=None, limit=_LINES, offset=0)
        except (IllegalState, NoLogs):
            return []
        return [line.message for line in lines]


def _plain(  # noqa: PLR0917 - the columns of a row
    id: str, function: str, status: str, at: str, run: RunJson | None, url: str
) -> ShownRun:
    """An invocation, or a run of any kind that is kept: without a row that says more."""
    event = run["event"] if run else None
    needs = log_needs(run["kind"] if run else "invocation")
    call = AgainCall(kind="invocation", function=function, url=url, event=event)
    return ShownRun(
        kind="invocation",
        id=id,
        function=function,
        status=status,
        created=at,
        run=run,
        event=event,
        error=run.get("error") if run else None,
        log=run["log"] if run and may(needs) else (),
        log_needs=needs,
        pieces=_pieces(run, None),
        has_ended=status in ("complete", "failed"),
        snippets=snippets(call) if run else (),
    )


def _pieces(run: RunJson | None, due: datetime | None) -> list[Segment]:
    if run is None:
        return []
    return bar(run, due=due, began=datetime.fromisoformat(run["at"].replace("Z", "+00:00")))
