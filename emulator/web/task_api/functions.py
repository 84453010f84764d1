"""/tasks/v1/functions. Views translate; the catalog and `tasks.queue.service` do."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import request

from taskdock.base import errors
from taskdock.base.strict_json import Json
from taskdock.lambdas.functions import code
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.tasks.model import access, task_json
from taskdock.tasks.model.task_json import TaskWithResultJson
from taskdock.tasks.queue.service import Service
from taskdock.web.access.authentication import caller
from taskdock.web.common import listing, registries, requests
from taskdock.web.common.endpoint import Endpoint, Gate, Page
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.common.requests import Wire
from taskdock.web.common.rql import parser as rql
from taskdock.web.task_api import function_json
from taskdock.web.task_api.creator import TaskOf, creator
from taskdock.web.task_api.function_json import (
    FunctionBody,
    FunctionDetailsJson,
    FunctionJson,
    FunctionLogLineJson,
    NewFunction,
)

ZIP = (
    "UEsDBBQAAAAAAAAAIVzWl7DsNgAAADYAAAAIAAAAaW5kZXgucHlkZWYgaGFuZGxlcihldmVudCwgY29udGV4dCk6"
    "CiAgICByZXR1cm4gZXZlbnRbJ2RhdGEnXQpQSwECFAMUAAAAAAAAACFc1pew7DYAAAA2AAAACAAAAAAAAAAAAAAA"
    "pAEAAAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAXAAAAAAA"
)
"""A function in Python that returns its data."""
_NEW_FUNCTION = {
    "name": "my-function",
    "code": ZIP,
    "entryPoint": "index.handler",
    "runtime": "python3.11",
    "timeLimit": 30,
    "memoryLimit": 128,
    "environmentVariables": {"COLOR": {"value": "green"}},
    "retryPolicy": {"enabled": True, "errorsToRetry": ["TimeoutError"]},
    "executionOptions": {"permissionMode": "permissionRequired", "defaultPriority": 0},
}
_DEPLOYED = (errors.BadFunctionCode, errors.BadConfiguration)
_PERIOD: tuple[Json, ...] = tuple(
    {
        "name": f"eventTimestamp{sign}",
        "in": "query",
        "required": True,
        "description": "Both ends are needed, at most 24 hours apart.",
        "schema": {"type": "string", "format": "date-time"},
        "example": example,
    }
    for sign, example in ((">", "2026-01-02T00:00:00.000Z"), ("<", "2026-01-02T12:00:00.000Z"))
)

endpoint = partial(Endpoint, tag="Functions")


class Execution(Wire):
    data: dict[str, Any] | None = None


class FunctionViews:
    def __init__(self, catalog: Catalog, service: Service, task_of: TaskOf) -> None:
        self._catalog = catalog
        self._service = service
        self._task_of = task_of

    @endpoint(
        "GET",
        "/tasks/v1/functions/",
        permission="VIEW_TASK_FUNCTIONS",
        summary="List functions",
        answer=Page(FunctionJson),
    )
    def find(self) -> Json:
        found = [function_json.summary(function) for function in self._catalog.all()]
        return {"query": "{}", **listing.whole(found)}

    @endpoint(
        "POST",
        "/tasks/v1/functions/",
        permission="CREATE_TASK_FUNCTION",
        summary="Create a function: code, entryPoint and runtime, or taskdock's own field image",
        answer=FunctionDetailsJson,
        body=NewFunction,
        example=_NEW_FUNCTION,
        errors=(*_DEPLOYED, errors.BadFunctionName, errors.AlreadyExists),
    )
    def create(self) -> FunctionDetailsJson:
        asked = requests.read(NewFunction, request.get_data())
        zipped = None if asked.code is None else code.decode(asked.code)
        properties = registries.checked(asked.properties(), request.remote_addr)
        made = self._catalog.deploy(asked.name, zipped=zipped, by=caller().authors, **properties)
        return function_json.details(made)

    @endpoint(
        "GET",
        "/tasks/v1/functions/<name>",
        permission="VIEW_TASK_FUNCTION_DETAILS",
        summary="All of a function but its code",
        answer=FunctionDetailsJson,
        errors=(errors.NotFound,),
    )
    def get(self, name: str) -> FunctionDetailsJson:
        return function_json.details(self._catalog.get(name))

    @endpoint(
        "PUT",
        "/tasks/v1/functions/<name>",
        permission="UPDATE_TASK_FUNCTION",
        summary="Change the fields that are given",
        answer=AffectedRecordsJson,
        body=FunctionBody,
        example={"timeLimit": 10},
        errors=(*_DEPLOYED, errors.NotFound),
    )
    def update(self, name: str) -> AffectedRecordsJson:
        changes = requests.read(FunctionBody, request.get_data())
        zipped = None if changes.code is None else code.decode(changes.code)
        properties = registries.checked(changes.properties(), request.remote_addr)
        self._catalog.update(name, zipped=zipped, by=caller().authors, **properties)
        return listing.affected()

    @endpoint(
        "DELETE",
        "/tasks/v1/functions/<name>",
        permission="DELETE_TASK_FUNCTION",
        summary="Delete a function; its tasks and logs stay",
        answer=AffectedRecordsJson,
        errors=(errors.NotFound,),
    )
    def delete(self, name: str) -> AffectedRecordsJson:
        self._catalog.delete(name)
        return listing.affected()

    @endpoint(
        "POST",
        "/tasks/v1/functions/<name>/enable",
        permission="UPDATE_TASK_FUNCTION",
        summary="Enable a function",
        answer=AffectedRecordsJson,
        errors=(errors.NotFound,),
    )
    def enable(self, name: str) -> AffectedRecordsJson:
        self._catalog.update(name, enabled=True)
        return listing.affected()

    @endpoint(
        "POST",
        "/tasks/v1/functions/<name>/disable",
        permission="UPDATE_TASK_FUNCTION",
        summary="Disable a function",
        answer=AffectedRecordsJson,
        errors=(errors.NotFound,),
    )
    def disable(self, name: str) -> AffectedRecordsJson:
        self._catalog.update(name, enabled=False)
        return listing.affected()

    @endpoint(
        "POST",
        "/tasks/v1/functions/<name>/execute",
        permission=Gate.VIEW,
        runs=access.EXECUTE_TASK,
        summary="Run a function now and wait for its result",
        answer=TaskWithResultJson,
        body=Execution,
        body_optional=True,
        example={"data": {"name": "Ada"}},
        errors=(
            errors.NotFound,
            errors.TooManyExecutions,
            errors.TimeLimitTooLong,
            errors.InvocationFailed,
            errors.Unavailable,
            errors.FunctionFailed,
        ),
    )
    def execute(self, name: str) -> TaskWithResultJson:
        access.admit(caller(), access.EXECUTE_TASK, self._catalog, name)
        asked = requests.read(Execution, request.get_data(), optional=True)
        executed = self._service.execute(
            name, asked.data, by=caller(), created_by_task_id=creator(self._task_of)
        )
        return {**task_json.to_json(executed.task), "result": executed.result}

    @endpoint(
        "GET",
        "/tasks/v1/functions/<name>/logs",
        permission="VIEW_TASK_FUNCTION_LOGS",
        summary="The log lines of all runs of a function",
        answer=Page(FunctionLogLineJson),
        parameters=_PERIOD,
        errors=(errors.BadQuery, errors.NotFound),
        deprecated=True,
    )
    def logs(self, name: str) -> Json:
        """Deprecated by the service, and still there."""
        text = request.query_string.decode("latin-1")
        query = rql.parse_function_logs(text)
        lines, total = self._service.function_logs(
            name, since=query.since, until=query.until, limit=query.limit, offset=query.offset
        )
        return {
            "query": text,
            "page": {"total": total, "offset": query.offset, "limit": query.limit},
            "data": [function_json.line_json(line) for line in lines],
        }
