"""Client of the Task Service: a method for each call that the command line makes.

It knows nothing of the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from taskdock.client.connection import (
    SECONDS_TO_ANSWER,
    ServerConnection,
    Sign,
    path_part,
    percent_encoded,
)
from taskdock.client.errors import (
    NotSubscribed,
    ServerUnreachable,
    ServiceError,
    UnknownFunction,
    UnknownTask,
)

Json = dict[str, Any]

DEFAULT_URL = "http://localhost:8080"
DASHBOARD = "/ui/"
"""The path of the pages that a server shows to browsers."""

NO_PERMISSION = 10
NO_ENDPOINT = 11  # of a name or an id with a slash, too
ID_FORMAT = 12
RESOURCE_UNKNOWN = 16
ILLEGAL_STATE = 27
TIME_LIMIT_TOO_LONG = 1404
FUNCTION_FAILED = 1406
NO_TASK_LOGS = 1408
NO_API_REQUEST_LOGS = 1413
FAILING = "failing"
"""The `status` in /health of a server that cannot work, and the `severity` of such a trouble."""

_LINES_PER_PAGE = 100
_UNAVAILABLE = 503  # HTTP status of /health when the server cannot work


class TaskService:
    """The Task Service at one URL. Methods return the JSON objects of the service, unchanged.

    Every method raises `ServerUnreachable` when no server answers, and `ServiceError` (or a
    subclass) when the service refuses the call. Calls block, for up to 900 s.
    """

    def __init__(
        self, url: str = DEFAULT_URL, signature: Sign | None = None, *, named: str = ""
    ) -> None:
        """`signature` signs each call. None: calls carry no credentials. `named`: who has named
        this URL, for the message when nobody answers there."""
        self._connection = ServerConnection(url, signature, named)
        self.url = self._connection.url
        self.is_signed = signature is not None

    def close(self) -> None:
        self._connection.close()

    def health(self) -> Json:
        """The health of the server, also when the status is 503 because something fails."""
        return self.call("GET", "/health", also=_UNAVAILABLE)

    def status(self) -> Json:
        return self.call("GET", "/status")

    def clock(self) -> Json:
        """The time of tasks and schedules, and what is due when."""
        return self.call("GET", "/taskdock/clock")

    def move_clock(self, move: Json) -> Json:
        """The clock, after it was moved; `move` has one of its verbs."""
        return self.call("POST", "/taskdock/clock", move)

    def has_moved_clock(self) -> bool:
        """Whether time passes only when somebody moves it, or waits."""
        try:
            return bool(self.clock()["mode"] != "real")
        except (ServiceError, ServerUnreachable):  # the harness is off, or the server has none
            return False

    def await_task(self, task_id: str, seconds: float) -> None:
        """Waits so long at most for a task and its retries; meanwhile, a clock in mode auto moves.
        Raises `ServiceError` where the clock stands still, so that the task cannot end."""
        path = f"/taskdock/tasks/{path_part(task_id)}/wait?timeout={seconds:g}"
        with self._about(task_id):
            self.call("GET", path)

    def functions(self) -> list[Json]:
        return _data(self.call("GET", "/tasks/v1/functions"))

    def function(self, name: str) -> Json:
        with self._naming(name):
            return self.call("GET", _function(name))

    def create_function(self, body: Json) -> Json:
        return self.call("POST", "/tasks/v1/functions", body)

    def update_function(self, name: str, body: Json) -> Json:
        return self.call("PUT", _function(name), body)

    def change_code(self, name: str, change: Json) -> Json:
        """Changes files of a function's code, see `/taskdock/functions/{name}/code`. Raises
        `ServiceError` where the function has other code than the change is for."""
        return self.call("PUT", f"/taskdock/functions/{quote(name, safe='')}/code", change)

    def delete_function(self, name: str) -> Json:
        with self._naming(name):
            return self.call("DELETE", _function(name))

    def execute(
        self, name: str, event_data: object = None, *, seconds: float = SECONDS_TO_ANSWER
    ) -> Json:
        """`seconds`: as for `call`."""
        body = None if event_data is None else {"data": event_data}
        with self._naming(name):
            return self.call("POST", f"{_function(name)}/execute", body, seconds=seconds)

    def create_task(self, body: Json) -> Json:
        return self.call("POST", "/tasks/v1/", body)

    def tasks(self, rql: str) -> list[Json]:
        return _data(self.call("GET", f"/tasks/v1/?{rql}"))

    def task(self, task_id: str) -> Json:
        found = self.tasks(equals("id", task_id))
        if not found:
            raise UnknownTask(task_id)
        return found[0]

    def cancel_task(self, task_id: str) -> Json:
        with self._about(task_id):
            return self.call("POST", f"/tasks/v1/{path_part(task_id)}/cancel")

    def logs(self, task_id: str, *, skip: int = 0) -> Iterator[Json]:
        """The task's log lines from line `skip` on. Raises `ServiceError` with the code
        `ILLEGAL_STATE` when the task has not run yet."""
        with self._about(task_id):
            yield from self._lines(f"/tasks/v1/{path_part(task_id)}/logs", NO_TASK_LOGS, skip)

    def api_requests(self, rql: str = "") -> list[Json]:
        return _data(self.call("GET", f"/tasks/v1/apiRequests?{rql}"))

    def api_request_logs(self, request_id: str, *, skip: int = 0) -> Iterator[Json]:
        """The log lines of an API request from line `skip` on."""
        path = f"/tasks/v1/apiRequests/{path_part(request_id)}/logs"
        return self._lines(path, NO_API_REQUEST_LOGS, skip)

    def schedules(self, rql: str = "") -> list[Json]:
        return _data(self.call("GET", f"/tasks/v1/schedules?{rql}"))

    def create_schedule(self, body: Json) -> Json:
        return self.call("POST", "/tasks/v1/schedules", body)

    def delete_schedule(self, schedule_id: str) -> Json:
        return self.call("DELETE", f"/tasks/v1/schedules/{path_part(schedule_id)}")

    def events(self, rql: str = "") -> list[Json]:
        return _data(self.call("GET", f"/events/v1/?{rql}"))

    def subscriptions(self, rql: str = "") -> list[Json]:
        return _data(self.call("GET", f"/events/v1/subscriptions?{rql}"))

    def subscribe(self, event_type: str, subscriber: Json) -> Json:
        """`subscriber` has one field: `functionName`, or `url` for a webhook."""
        return self.call(
            "POST", "/events/v1/subscriptions", {"eventTypes": [event_type], **subscriber}
        )

    def unsubscribe(self, event_type: str, subscriber: Json) -> Json:
        """Removes a subscription; `subscriber` as for `subscribe`. Raises `NotSubscribed`."""
        ((field, value),) = subscriber.items()
        found = self.subscriptions(f"{equals('eventTypes', event_type)}&{equals(field, value)}")
        if not found:
            raise NotSubscribed(f"{value} is not subscribed to {event_type}")
        return self.call("DELETE", f"/events/v1/subscriptions/{found[0]['id']}")

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        also: int | None = None,
        seconds: float = SECONDS_TO_ANSWER,
    ) -> Json:
        """Any other endpoint of the server: see `ServerConnection.call`."""
        return self._connection.call(method, path, body, also=also, seconds=seconds)

    def _lines(self, path: str, no_lines: int, skip: int) -> Iterator[Json]:
        """Log lines, page by page. `no_lines`: the code of a refusal that means that there are
        none."""
        while True:
            try:
                page = _data(self.call("GET", f"{path}?limit({_LINES_PER_PAGE},{skip})"))
            except ServiceError as error:
                if error.code != no_lines:
                    raise
                return
            yield from page
            skip += len(page)
            if len(page) < _LINES_PER_PAGE:
                return

    @contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        try:
            yield
        except ServiceError as error:
            if error.code not in (NO_ENDPOINT, RESOURCE_UNKNOWN):
                raise
            known = [str(function["name"]) for function in self.functions()]
            raise UnknownFunction(name, known) from None

    @contextmanager
    def _about(self, task_id: str) -> Iterator[None]:
        try:
            yield
        except ServiceError as error:
            if error.code not in (NO_ENDPOINT, ID_FORMAT, RESOURCE_UNKNOWN):
                raise
            raise UnknownTask(task_id) from None


def equals(field: str, value: str) -> str:
    return f"eq({field},{encoded(value)})"


def encoded(value: str) -> str:
    """A value in RQL: percent-encoded twice, as the service's SDK encodes it."""
    return quote(percent_encoded(value), safe="")


def _function(name: str) -> str:
    return f"/tasks/v1/functions/{path_part(name)}"


def _data(page: Json) -> list[Json]:
    return list(page["data"])
