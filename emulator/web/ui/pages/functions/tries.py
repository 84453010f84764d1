"""Tries: run a function once in one of four ways, each by the service that its API uses too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskdock.base import strict_json
from taskdock.base.errors import BadField, CallerError, FunctionFailed, RequestTooLarge
from taskdock.base.timing.reactor import Reactor
from taskdock.identity.account import Account
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.invoker import MAX_EVENT
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.lambdas.outcome import Failure
from taskdock.tasks.api_functions.gateway_event import GatewayRequest
from taskdock.tasks.api_functions.gateway_response import GatewayResponse
from taskdock.tasks.invocations.invocations import MAX_ACCEPTED_EVENT, Invocations, Invoked
from taskdock.tasks.runs.history import Catch, RunHistory, shown
from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.task_api.api import TaskApi


@dataclass(frozen=True, kw_only=True)
class FunctionTry:
    """The result of a try, as far as it is known; None and "": there is no such part."""

    run: RunJson | None = None
    result: Any = None
    """The function's answer, where no run is kept that has it."""
    response: GatewayResponse | None = None
    refusal: str = ""
    task: str = ""
    """The id of the task to follow."""
    event: str = ""
    """The request id of the asynchronous event to follow."""


class FunctionTries:
    """For threads that may wait."""

    def __init__(
        self, tasks: TaskApi, invocations: Invocations, history: RunHistory, reactor: Reactor
    ) -> None:
        self._tasks = tasks
        self._invocations = invocations
        self._history = history
        self._reactor = reactor

    def task(self, name: str, text: str, by: Account) -> FunctionTry:
        """Raises `BadField`."""
        made = self._tasks.service.create(function_name=name, data=data_of(text), by=by)
        return FunctionTry(task=made.id)

    def execution(self, name: str, text: str, by: Account) -> FunctionTry:
        """Raises `BadField`."""
        data = data_of(text)
        try:
            executed = self._tasks.service.execute(name, data, by=by)
        except FunctionFailed as failed:
            run = self.run_of_task(failed.task_id or "")
            return FunctionTry(run=run, refusal="" if run else failed.message)
        except CallerError as refusal:
            return FunctionTry(refusal=refusal.message)
        return FunctionTry(run=self.run_of_task(executed.task.id), result=executed.result)

    def api_request(self, name: str, asked: GatewayRequest, by: Account) -> FunctionTry:
        request_id = Call().request_id
        with self._history.catching(request_id) as caught:
            try:
                response = self._tasks.api_requests.call(name, asked, by, run=request_id)
            except FunctionFailed as failed:
                run = _run(caught)
                return FunctionTry(run=run, refusal="" if run else failed.message)
            except CallerError as refusal:
                return FunctionTry(run=_run(caught), refusal=refusal.message)
            return FunctionTry(run=_run(caught), response=response)

    def invocation(self, function: Function, text: str) -> FunctionTry:
        """Raises `BadField` or `RequestTooLarge`."""
        event, call = event_of(text, MAX_EVENT), Call(kind=RunKind.INVOCATION)
        with self._history.catching(call.request_id) as caught:
            try:
                invoked = self._reactor.run(self._invoked(function, event, call))
            except CallerError as refusal:
                return FunctionTry(refusal=refusal.message)
            run = _run(caught)
        outcome = invoked.outcome
        if run is None and isinstance(outcome, Failure):
            return FunctionTry(refusal=f"{outcome.name}: {outcome.message}")
        return FunctionTry(run=run, result=None if run else outcome.body.decode(errors="replace"))

    def event(self, function: Function, text: str) -> FunctionTry:
        """Raises `BadField` or `RequestTooLarge`."""
        event, call = event_of(text, MAX_ACCEPTED_EVENT), Call(kind=RunKind.EVENT)
        try:
            self._invocations.accept(function, event, call)
        except CallerError as refusal:
            return FunctionTry(refusal=refusal.message)
        return FunctionTry(event=call.request_id)

    def run_of_task(self, task_id: str) -> RunJson | None:
        """The run of a task; None: it has not ended, or is not kept."""
        found, _ = self._history.find(task=task_id, limit=1)
        return found[0] if found else None

    def run_of_event(self, request_id: str) -> RunJson | None:
        """The newest run of an asynchronous event; None: none has ended, or it is not kept."""
        found, _ = self._history.find(request=request_id, limit=1)
        return found[0] if found else None

    async def _invoked(self, function: Function, event: bytes, call: Call) -> Invoked:
        done: asyncio.Future[Invoked] = asyncio.get_running_loop().create_future()
        self._invocations.begin(function, event, call, with_log=True, answered=done.set_result)
        return await done


def data_of(text: str) -> dict[str, Any] | None:
    """The data of a task. Raises `BadField`."""
    if not text.strip():
        return None
    try:
        data = strict_json.loads(text)
    except ValueError as error:
        raise BadField(f"the event is no JSON: {strict_json.explained(error)}") from None
    if not isinstance(data, dict):
        raise BadField(
            'the data of a task is a JSON object, such as {"name": "Ada"}; an Invoke takes any JSON'
        )
    return data


def event_of(text: str, limit: int) -> bytes:
    """The event of an Invoke. Raises `BadField` or `RequestTooLarge`."""
    event = text.encode(errors="replace")
    if len(event) > limit:
        raise RequestTooLarge(f"the event has {len(event)} bytes, over {limit}")
    if not event.strip():
        return b"{}"
    try:
        strict_json.check(event)
    except ValueError as error:
        raise BadField(f"the event is no JSON: {strict_json.explained(error)}") from None
    return event


def headers_of(text: str) -> Mapping[str, str]:
    """The headers of a request, by lower-case name; a line for each. Raises `BadField`."""
    headers: dict[str, str] = {}
    for line in filter(str.strip, text.splitlines()):
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name or not (name.isascii() and name.isprintable()) or " " in name:
            raise BadField(f"{line[:80]!r} is no header, such as Accept: text/html")
        headers[name] = f"{headers[name]},{value.strip()}" if name in headers else value.strip()
    return headers


def _run(caught: Catch) -> RunJson | None:
    return None if caught.record is None else shown(caught.record)
