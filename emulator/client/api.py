"""Client of the Task Service: HTTP calls and the errors that they raise.

It knows nothing of the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import requests
import urllib3.exceptions
from requests.auth import AuthBase

from taskdock.client.errors import (
    CredentialsRefused,
    MalformedCall,
    NotSubscribed,
    ServerUnreachable,
    ServiceError,
    UnknownFunction,
    UnknownTask,
)

Json = dict[str, Any]

DEFAULT_URL = "http://localhost:8080"

RESOURCE_UNKNOWN = 16
MALFORMED = frozenset({12, 13, 14, 15, 19, 20, 22})
ILLEGAL_STATE = 27
SIGN_IN = frozenset({104, 107, 108})
FUNCTION_FAILED = 1406
NO_TASK_LOGS = 1408
FAILING = "failing"
"""The `status` in /health of a server that cannot work, and the `severity` of such a trouble."""

_SECONDS_TO_CONNECT = 5
# Longer than any direct execution, because the function's image may be pulled or built first.
_SECONDS_TO_ANSWER = 900
_LINES_PER_PAGE = 100
_UNAVAILABLE = 503  # HTTP status of /health when the server cannot work


class TaskService:
    """The Task Service at one URL. Methods return the JSON objects of the service, unchanged.

    Every method raises `ServerUnreachable` when no server answers, and `ServiceError` (or a
    subclass) when the service refuses the call. Calls block, for up to 900 s.
    """

    def __init__(self, url: str = DEFAULT_URL, signature: AuthBase | None = None) -> None:
        """`signature` signs each call. None: calls carry no credentials."""
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # A server on localhost is called directly: without a proxy, and without a .netrc.
        self._session.trust_env = False
        self._session.auth = signature

    def close(self) -> None:
        self._session.close()

    def health(self) -> Json:
        """The health of the server, also when the status is 503 because something fails."""
        return self._call("GET", "/health", also=_UNAVAILABLE)

    def status(self) -> Json:
        return self._call("GET", "/status")

    def functions(self) -> list[Json]:
        return _data(self._call("GET", "/tasks/v1/functions"))

    def function(self, name: str) -> Json:
        with self._naming(name):
            return self._call("GET", _function(name))

    def create_function(self, body: Json) -> Json:
        return self._call("POST", "/tasks/v1/functions", body)

    def update_function(self, name: str, body: Json) -> Json:
        return self._call("PUT", _function(name), body)

    def delete_function(self, name: str) -> Json:
        with self._naming(name):
            return self._call("DELETE", _function(name))

    def execute(self, name: str, event_data: object = None) -> Json:
        body = None if event_data is None else {"data": event_data}
        with self._naming(name):
            return self._call("POST", f"{_function(name)}/execute", body)

    def create_task(self, body: Json) -> Json:
        return self._call("POST", "/tasks/v1/", body)

    def tasks(self, rql: str) -> list[Json]:
        return _data(self._call("GET", f"/tasks/v1/?{rql}"))

    def task(self, task_id: str) -> Json:
        found = self.tasks(equals("id", task_id))
        if not found:
            raise UnknownTask(task_id)
        return found[0]

    def cancel_task(self, task_id: str) -> Json:
        with self._about(task_id):
            return self._call("POST", f"/tasks/v1/{quote(task_id, safe='')}/cancel")

    def logs(self, task_id: str, *, skip: int = 0) -> Iterator[Json]:
        """The task's log lines from line `skip` on. Raises `ServiceError` with the code
        `ILLEGAL_STATE` when the task has not run yet."""
        while True:
            page = self._log_page(task_id, skip)
            yield from page
            skip += len(page)
            if len(page) < _LINES_PER_PAGE:
                return

    def schedules(self, rql: str = "") -> list[Json]:
        return _data(self._call("GET", f"/tasks/v1/schedules?{rql}"))

    def create_schedule(self, body: Json) -> Json:
        return self._call("POST", "/tasks/v1/schedules", body)

    def delete_schedule(self, schedule_id: str) -> Json:
        return self._call("DELETE", f"/tasks/v1/schedules/{quote(schedule_id, safe='')}")

    def events(self, rql: str = "") -> list[Json]:
        return _data(self._call("GET", f"/events/v1/?{rql}"))

    def subscriptions(self, rql: str = "") -> list[Json]:
        return _data(self._call("GET", f"/events/v1/subscriptions?{rql}"))

    def subscribe(self, event_type: str, subscriber: Json) -> Json:
        """`subscriber` has one field: `functionName`, or `url` for a webhook."""
        return self._call(
            "POST", "/events/v1/subscriptions", {"eventTypes": [event_type], **subscriber}
        )

    def unsubscribe(self, event_type: str, subscriber: Json) -> Json:
        """Removes a subscription; `subscriber` as for `subscribe`. Raises `NotSubscribed`."""
        ((field, value),) = subscriber.items()
        found = self.subscriptions(f"{equals('eventTypes', event_type)}&{equals(field, value)}")
        if not found:
            raise NotSubscribed(f"{value} is not subscribed to {event_type}")
        return self._call("DELETE", f"/events/v1/subscriptions/{found[0]['id']}")

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Any other endpoint of the server."""
        return self._call(method, path, body)

    def _log_page(self, task_id: str, skip: int) -> list[Json]:
        path = f"/tasks/v1/{quote(task_id, safe='')}/logs?limit({_LINES_PER_PAGE},{skip})"
        try:
            with self._about(task_id):
                return _data(self._call("GET", path))
        except ServiceError as error:
            if error.code == NO_TASK_LOGS:
                return []
            raise

    def _call(
        self, method: str, path: str, body: Json | None = None, *, also: int | None = None
    ) -> Json:
        """`also`: an HTTP status beside 2xx whose answer may be a result, not an error."""
        limits = (_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER)
        try:
            answer = self._session.request(method, self.url + path, json=body, timeout=limits)
        except requests.RequestException as error:
            raise ServerUnreachable(_explain(error, self.url)) from None
        try:
            content = answer.json()
            is_error = not answer.ok and (answer.status_code != also or "code" in content)
            if not is_error and isinstance(content, dict):
                return content
            failure = _failure(content)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ServerUnreachable(
                f"{self.url} answers {method} {path} with HTTP {answer.status_code}, "
                "but not as a taskdock server does; is this the right URL?"
            ) from None
        raise failure

    @contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        try:
            yield
        except ServiceError as error:
            if error.code != RESOURCE_UNKNOWN:
                raise
            known = [str(function["name"]) for function in self.functions()]
            raise UnknownFunction(name, known) from None

    @contextmanager
    def _about(self, task_id: str) -> Iterator[None]:
        try:
            yield
        except ServiceError as error:
            if error.code != RESOURCE_UNKNOWN:
                raise
            raise UnknownTask(task_id) from None


def equals(field: str, value: str) -> str:
    """The RQL condition. The value is percent-encoded twice, as the service's SDK encodes it."""
    return f"eq({field},{quote(quote(value, safe=''), safe='')})"


def _failure(answer: Json) -> ServiceError:
    if answer["code"] in SIGN_IN:
        return CredentialsRefused(answer)
    return (MalformedCall if answer["code"] in MALFORMED else ServiceError)(answer)


def _function(name: str) -> str:
    return f"/tasks/v1/functions/{quote(name, safe='')}"


def _data(page: Json) -> list[Json]:
    return list(page["data"])


def _explain(error: requests.RequestException, url: str) -> str:
    if isinstance(error, requests.ReadTimeout):
        return f"the server at {url} did not answer within {_SECONDS_TO_ANSWER} s"
    if not isinstance(error, requests.ConnectionError):
        return f"{url} cannot be called: {error}"
    if error.args and isinstance(error.args[0], urllib3.exceptions.ProtocolError):
        return f"the server at {url} closed the connection without an answer; was it stopped?"
    return f"no taskdock server answers at {url}; start one with: taskdock serve"
