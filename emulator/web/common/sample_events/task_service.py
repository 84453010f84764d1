"""Sample events of the Task Service, made by the code that makes the real ones. Pure."""

from __future__ import annotations

from dataclasses import replace

from taskdock.base import ids
from taskdock.base.timing.clock import to_milliseconds
from taskdock.identity.account import Account
from taskdock.tasks.api_functions import gateway_event
from taskdock.tasks.api_functions.gateway_event import GatewayRequest
from taskdock.tasks.model import task_json
from taskdock.tasks.model.subscription import of_failure
from taskdock.tasks.model.task import ErrorType, Status, Task, TaskError, new_task
from taskdock.web.common.sample_events.notifications import REQUEST, headers_of
from taskdock.web.common.sample_events.sample import Json, Option, OptionType, Sample, Values

_HEADERS = {"host": "localhost:8080", "user-agent": "taskdock", "accept": "*/*"}


def _api_request(values: Values) -> Json:
    body = (values.body or "").encode()
    text = {"content-type": "application/json"} if body else {}
    request = GatewayRequest(
        method=values.method.upper(),
        path=values.path,
        query=values.query,
        headers={**_HEADERS, **text, **headers_of(values.header)},
        body=body,
        source_ip=values.source_ip,
    )
    now = to_milliseconds(values.now)
    caller = Account(user_id=values.user_id, application_id=values.application_id)
    return gateway_event.to_event(request, caller, id=ids.object_id(now), now=now)


def _task(values: Values) -> Json:
    """A task in progress: what its function gets."""
    task = _made(values, values.function_name, values.data)
    return _shown(replace(task, tags=values.tag or None, priority=values.priority))


def _task_failed(values: Values) -> Json:
    """The task of a function that is subscribed: its data is the event."""
    error = TaskError(ErrorType.RUNTIME, values.error_name, values.error_message)
    failed = replace(_made(values, values.function_name, None), error=error)
    event = of_failure(ids.object_id(to_milliseconds(values.now)), failed)
    made = _made(values, values.subscriber, dict(task_json.event_to_json(event)))
    return _shown(replace(made, created_by_user_id=None, created_by_application_id=None))


def _made(values: Values, function_name: str, data: Json | None) -> Task:
    now = to_milliseconds(values.now)
    return new_task(
        id=ids.object_id(now),
        function_name=function_name,
        data=data,
        start=now,
        now=now,
        priority=0,
        user_id=values.given.get("user_id"),
        application_id=values.given.get("application_id"),
    )


def _shown(task: Task) -> Json:
    return dict(task_json.to_json(replace(task, status=Status.IN_PROGRESS)))


_CALLER = (
    Option(name="user-id", about="The user who asks.", default="5e9fff9d90135a2a9a718e2f"),
    Option(name="application-id", about="Their application.", default="5e9fff9d90135a2a9a718e30"),
)
_FUNCTION = Option(name="function-name", about="The function.", default="hello-world-python")
API_REQUEST = Sample(
    about="Somebody calls an API function.",
    options=(
        *REQUEST,
        *_CALLER,
        Option(name="source-ip", about="Where the call comes from.", default="127.0.0.1"),
    ),
    make=_api_request,
)
TASK = Sample(
    about="A task, by a call or a schedule: its function gets it as it is.",
    options=(
        _FUNCTION,
        Option(name="data", about="What the task is about.", default={}, type=OptionType.JSON),
        Option(name="tag", about="A tag; repeat for more.", default=(), type=OptionType.TEXTS),
        Option(name="priority", about="Higher goes first.", default=0, type=OptionType.NUMBER),
        *_CALLER,
    ),
    make=_task,
)
TASK_FAILED = Sample(
    about="A task has failed, and a function is subscribed to task_failed.",
    options=(
        _FUNCTION,
        Option(name="error-name", about="The error's name.", default="ValueError"),
        Option(name="error-message", about="Its message.", default="a leg is missing"),
        Option(name="subscriber", about="The function that is told.", default="on-failure"),
    ),
    make=_task_failed,
)
