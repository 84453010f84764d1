"""API requests: calls an API function, records the call, and finds what was recorded.

No task, no queue, no retry. Before the invocation the database is not asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import (
    ApiTimeLimitTooLong,
    BadApiResult,
    CallerError,
    NoApiRequestLogs,
    NotFound,
    RequestTooLarge,
    TooManyApiRequests,
)
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.identity.account import Account
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import DIRECT_TIME_LIMIT, Function
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.lambdas.log_line import LogLine
from taskdock.lambdas.outcome import Failure, Outcome
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.query.fields import API_REQUEST_FIELDS
from taskdock.store.query.model import Query
from taskdock.store.query.sqlite import find
from taskdock.store.tables import ApiRequestRow
from taskdock.tasks.api_functions.gateway_event import GatewayRequest, to_event
from taskdock.tasks.api_functions.gateway_response import GatewayResponse, to_response
from taskdock.tasks.logs.log_store import LogBuffer, LogStore
from taskdock.tasks.model import access, checks
from taskdock.tasks.model.notices import ApiRequestAnswered
from taskdock.tasks.model.task import ErrorType, TaskError
from taskdock.tasks.queue.ending import error_of
from taskdock.tasks.work.safe_invoker import SafeInvoker
from taskdock.tasks.work.unwritten import Unwritten

MAX_BODY = 6 * 1024 * 1024  # bytes, as they came
_MAX_EVENT = 2 * MAX_BODY  # base64 and escapes make a body longer
_INSERT = sql.insert(ApiRequestRow)


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """One call of an API function, and what became of it."""

    id: str
    function_name: str
    method: str
    path: str
    """The part behind the function's name and a slash, with the query."""
    user_id: str | None
    application_id: str | None
    timestamp: datetime
    status_code: int
    duration: float  # seconds
    error: TaskError | None


class ApiRequests:
    def __init__(
        self,
        *,
        store: Store,
        log_store: LogStore,
        catalog: Catalog,
        invoker: SafeInvoker,
        unwritten: Unwritten,
        places: threading.Semaphore,
        status_of: Callable[[CallerError], int],
        clock: Clock,
        notices: Notices,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """`places` limits invocations; `status_of` says how a refusal is answered."""
        self._store = store
        self._log_store = log_store
        self._catalog = catalog
        self._invoker = invoker
        self._patience = limits.patience
        self._unwritten = unwritten
        self._places = places
        self._status_of = status_of
        self._clock = clock
        self._notices = notices

    def call(
        self,
        function_name: str,
        request: GatewayRequest,
        caller: Account,
        *,
        run: str | None = None,
    ) -> GatewayResponse:
        """The function's own answer. The call is recorded, also where it fails. `run`: the request
        id of its run, for whoever wants to find that.

        Raises `NotSignedIn`, `NoPermission`, `NotFound` and, when the server stops, `Unavailable`,
        which are not recorded, and `Unavailable` when nothing can be run,
        `RequestTooLarge`, `ApiTimeLimitTooLong`, `TooManyApiRequests`, `InvocationFailed`,
        `FunctionFailed` or `BadApiResult`.
        """
        self._invoker.check_open()
        function = access.admit(caller, access.EXECUTE_API, self._catalog, function_name)
        now = self._clock.now()
        id = ids.object_id(now)
        log = self._log_store.open(id)
        call = _ApiCall(id, function, request, caller, now, log, run or ids.request_id())
        began = self._clock.monotonic()
        outcome: Outcome | None = None
        try:
            outcome = self._invoke(call)
            response = to_response(outcome)
        except CallerError as refusal:
            duration = self._clock.monotonic() - began
            self._record(call, self._status_of(refusal), duration, _error(refusal, outcome))
            raise
        self._record(call, response.status, self._clock.monotonic() - began, None)
        return response

    def find(self, query: Query) -> tuple[list[ApiRequest], int | None]:
        """One page of requests, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, ApiRequestRow, API_REQUEST_FIELDS, query)
        return [_from_row(row) for row in rows], total

    def logs(
        self, request_id: str, *, since: datetime | None, limit: int, offset: int
    ) -> list[LogLine]:
        """Raises `BadId`, `NotFound`, or `NoApiRequestLogs` for none."""
        checks.object_id(request_id)
        lines = self._log_store.read(request_id, since=since, limit=limit, offset=offset)
        query = ApiRequestRow.select().where(ApiRequestRow.id == request_id)
        if not query.exists(self._store.db):  # behind the lines: both may be removed in between
            raise NotFound(f"there is no API request {request_id}")
        if not lines:
            raise NoApiRequestLogs
        return lines

    def _invoke(self, call: _ApiCall) -> Outcome:
        if len(call.request.body) > MAX_BODY:
            raise RequestTooLarge(f"the body has {len(call.request.body)} bytes, over {MAX_BODY}")
        if call.function.time_limit > DIRECT_TIME_LIMIT:
            raise ApiTimeLimitTooLong
        if not self._places.acquire(blocking=False):
            raise TooManyApiRequests
        try:
            event = to_event(call.request, call.caller, id=call.id, now=call.now)
            return self._invoker.invoke(
                call.id,
                call.function,
                event,
                call.log,
                patience=self._patience,
                max_event=_MAX_EVENT,
                call=Call(request_id=call.run, kind=RunKind.API, api_request_id=call.id),
            )
        finally:
            self._places.release()

    def _record(
        self, call: _ApiCall, status: int, duration: float, error: TaskError | None
    ) -> None:
        """Writes the request with its log, later where that fails now: the function has run, and
        its caller gets the answer."""
        request = ApiRequest(
            id=call.id,
            function_name=call.function.name,
            method=call.request.method,
            path=f"{call.request.path}{call.request.search}"[1:],
            user_id=call.caller.user_id,
            application_id=call.caller.application_id,
            timestamp=call.now,
            status_code=status,
            duration=round(duration, 3),
            error=error,
        )
        answered = ApiRequestAnswered(
            request=request.id, function=request.function_name, status=status
        )

        def write() -> None:
            with self._log_store.writing([call.log]):
                if not call.log.is_void:
                    self._store.change(_INSERT, sql.to_row(ApiRequestRow, _values(request)))
            self._notices.publish(answered)

        self._unwritten.write_or_keep(request.id, write)


@dataclass(frozen=True)
class _ApiCall:
    """An API request that is under way."""

    id: str
    function: Function
    request: GatewayRequest
    caller: Account
    now: datetime
    log: LogBuffer
    run: str


def _error(refusal: CallerError, outcome: Outcome | None) -> TaskError:
    if isinstance(outcome, Failure):
        return error_of(outcome)
    kind = ErrorType.RESPONSE if isinstance(refusal, BadApiResult) else ErrorType.INVOCATION
    return TaskError(kind, type(refusal).__name__, refusal.message)


def _values(request: ApiRequest) -> dict[str, Any]:
    error = request.error
    return {
        **request.__dict__,
        "error": error and error.to_json(),
    }


def _from_row(row: ApiRequestRow) -> ApiRequest:
    values = dict(row.__data__)
    error = values.pop("error")
    return ApiRequest(**values, error=error and TaskError.from_json(error))
