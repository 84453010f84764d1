"""/tasks/v1: tasks and their logs. Views translate; `tasks.queue.service` does."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from flask import request
from pydantic import Field, StrictStr

from taskdock.base import errors
from taskdock.base.strict_json import Json
from taskdock.store.query.fields import TASK_FIELDS
from taskdock.tasks.model import task_json
from taskdock.tasks.model.task_json import TaskJson
from taskdock.tasks.queue.service import Service
from taskdock.web.access.authentication import caller
from taskdock.web.common import listing, requests
from taskdock.web.common.descriptions import BY_ID, SINCE
from taskdock.web.common.endpoint import Endpoint, Page
from taskdock.web.common.listing import AffectedRecordsJson, LogLineJson
from taskdock.web.common.requests import Moment, Priority, Wire
from taskdock.web.task_api.creator import TaskOf, creator

endpoint = partial(Endpoint, tag="Tasks")


class NewTask(Wire):
    function_name: Annotated[StrictStr, Field(min_length=1)]
    data: dict[str, Any] | None = None
    tags: list[StrictStr] | None = None
    start_timestamp: Moment | None = None
    priority: Priority | None = None


class TaskViews:
    def __init__(self, service: Service, task_of: TaskOf) -> None:
        self._service = service
        self._task_of = task_of

    @endpoint(
        "GET",
        "/tasks/v1/",
        permission="VIEW_TASKS",
        summary="List tasks",
        answer=Page(TaskJson),
        query=TASK_FIELDS,
    )
    def find(self) -> Json:
        return listing.answer(self._service.find, task_json.to_json)

    @endpoint(
        "POST",
        "/tasks/v1/",
        permission="CREATE_TASKS",
        summary="Queue a task",
        answer=TaskJson,
        body=NewTask,
        example={
            "functionName": "hello-world-python",
            "data": {"name": "Ada"},
            "tags": ["example"],
        },
    )
    def create(self) -> TaskJson:
        asked = requests.read(NewTask, request.get_data())
        task = self._service.create(
            function_name=asked.function_name,
            data=asked.data,
            tags=asked.tags,
            start=asked.start_timestamp,
            priority=asked.priority,
            by=caller(),
            created_by_task_id=creator(self._task_of),
        )
        return task_json.to_json(task)

    @endpoint(
        "POST",
        "/tasks/v1/<task_id>/cancel",
        permission="CANCEL_TASKS",
        summary="Cancel a task that is new",
        answer=AffectedRecordsJson,
        errors=(*BY_ID, errors.IllegalState),
    )
    def cancel(self, task_id: str) -> AffectedRecordsJson:
        self._service.cancel(task_id)
        return listing.affected()

    @endpoint(
        "GET",
        "/tasks/v1/<task_id>/logs",
        permission="VIEW_TASK_LOGS",
        summary="The log lines of a task",
        answer=Page(LogLineJson, has_query=False),
        parameters=(SINCE,),
        errors=(*BY_ID, errors.BadQuery, errors.IllegalState, errors.NoLogs),
    )
    def logs(self, task_id: str) -> Json:
        return listing.log(partial(self._service.logs, task_id))
