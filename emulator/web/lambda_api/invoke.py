"""AWS's Invoke: makes an event of a request, and a reply of its outcome.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from flask import Response

from taskdock.base import ids, strict_json
from taskdock.base.errors import CallerError, TaskdockError
from taskdock.base.notices import Notices
from taskdock.base.timing.reactor import Reactor
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.reference import LATEST
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.invoker import MAX_EVENT
from taskdock.lambdas.outcome import Answer, Cause
from taskdock.tasks.invocations.invocations import MAX_ACCEPTED_EVENT, Invocations, Invoked
from taskdock.web.access import authentication
from taskdock.web.access.admission import OURS, Openness
from taskdock.web.common.notices import RequestBroke
from taskdock.web.http.messages import JSON, PendingReply, Reply, Request
from taskdock.web.lambda_api import problems
from taskdock.web.lambda_api.function_names import Names, named
from taskdock.web.lambda_api.model import json_words, validation
from taskdock.web.lambda_api.problems import Refusal

FUNCTIONS = "/2015-03-31/functions"
INVOCATIONS = re.compile(rf"{FUNCTIONS}/([^/]+)/invocations/?")
_VERSION = ("X-Amz-Executed-Version", LATEST)
_LONG = 64 * 1024  # bytes of JSON that take too long to look through on the reactor's thread
_MAX_CONTEXT = 3583  # bytes of base64

Respond = Callable[[Reply], None]


@dataclass(frozen=True)
class _InvokeRequest:
    """The invocation that a request asks for."""

    kind: str  # RequestResponse, Event or DryRun
    function: Function
    call: Call
    with_log: bool


class InvokeApi:
    """`POST /2015-03-31/functions/<function>/invocations`, on the reactor's thread."""

    def __init__(
        self,
        *,
        names: Names,
        invocations: Invocations,
        openness: Openness,
        reactor: Reactor,
        notices: Notices,
    ) -> None:
        self._reactor = reactor
        self._names = names
        self._invocations = invocations
        self._openness = openness
        self._notices = notices

    def serves(self, request: Request) -> bool:
        return request.method == "POST" and INVOCATIONS.fullmatch(request.path) is not None

    def refusal(self, request: Request) -> Reply | None:
        """The refusal of a request by its headers, before its body is read."""
        call_id, trace_id = ids.request_id(), trace_id_of(request.header("x-amzn-trace-id"))
        try:
            asked = self._read(request, call_id, trace_id)
            limit = MAX_ACCEPTED_EVENT if asked.kind == "Event" else MAX_EVENT
            if request.length > limit:
                raise problems.too_large(limit, "InvokeFunction")
        except Exception as error:
            refused = self._refusal(request, error)
            return replace(refused, headers=(*refused.headers, *_known(call_id, trace_id)))
        return None

    def reply(self, request: Request) -> PendingReply:
        """Begins the invocation; the reply follows, also for a refusal."""
        request.release()  # how many events there are at a time is bounded behind this
        pending, call_id = PendingReply(), ids.request_id()
        trace_id = trace_id_of(request.header("x-amzn-trace-id"))

        def respond(reply: Reply) -> None:
            pending.give(replace(reply, headers=(*reply.headers, *_known(call_id, trace_id))))

        try:
            self._take(request, self._read(request, call_id, trace_id), respond)
        except Exception as error:
            respond(self._refusal(request, error))
        return pending

    def _read(self, request: Request, call_id: str, trace_id: str) -> _InvokeRequest:
        """Raises `TaskdockError` for a request that is refused."""
        authentication.check_machine(request.headers, request.peer.address, self._openness)
        found = INVOCATIONS.fullmatch(request.path)
        assert found is not None, "it serves this path"
        kind = request.header("x-amz-invocation-type") or "RequestResponse"
        log_type = request.header("x-amz-log-type") or None
        asked = {
            "FunctionName": found[1],
            "InvocationType": kind,
            "LogType": log_type,
            "Qualifier": _qualifier(request),
        }
        validation.check("Invoke", asked, *asked)
        reference = named(asked)
        function = self._names.find(reference, unqualified=f":{LATEST}")
        call = Call(
            request_id=call_id,
            client_context=_client_context(request.header("x-amz-client-context")),
            arn=self._names.arn(reference),
            trace_id=trace_id,
        )
        return _InvokeRequest(kind, function, call, log_type == "Tail")

    def _take(self, request: Request, asked: _InvokeRequest, respond: Respond) -> None:
        """Begins the invocation, or does on a thread what takes long. Raises `TaskdockError` for a
        request that is refused."""
        if asked.kind == "DryRun":
            respond(Reply(204, b"", (JSON,)))
        elif asked.kind == "Event" or len(request.body) > _LONG:
            self._reactor.spawn(self._take_slowly(request, asked, respond))
        else:
            self._run(asked, _event(request, MAX_EVENT), respond)

    async def _take_slowly(self, request: Request, asked: _InvokeRequest, respond: Respond) -> None:
        try:
            if asked.kind == "Event":
                await asyncio.to_thread(self._accept, request, asked)
                respond(Reply(202, b""))
            else:
                self._run(asked, await asyncio.to_thread(_event, request, MAX_EVENT), respond)
        except Exception as error:
            respond(self._refusal(request, error))

    def _accept(self, request: Request, asked: _InvokeRequest) -> None:
        event = _event(request, MAX_ACCEPTED_EVENT)
        self._invocations.accept(asked.function, event, asked.call)

    def _run(self, asked: _InvokeRequest, event: bytes, respond: Respond) -> None:
        self._invocations.begin(
            asked.function,
            event,
            asked.call,
            with_log=asked.with_log,
            answered=lambda invoked: respond(_answer(invoked)),
        )

    def _refusal(self, request: Request, error: Exception) -> Reply:
        if isinstance(error, TaskdockError):
            if not isinstance(error, CallerError):
                self._notices.publish(RequestBroke(path=request.path, error=error.message))
            return reply_of(problems.answer(error))
        self._notices.publish(RequestBroke(path=request.path, error=repr(error)))
        return reply_of(problems.break_down())


def _known(call_id: str, trace_id: str) -> tuple[tuple[str, str], ...]:
    return (("x-amzn-RequestId", call_id), ("X-Amzn-Trace-Id", trace_id), *OURS)


def _answer(invoked: Invoked) -> Reply:
    """200 also for an error of the function's; something else for what is not its fault."""
    outcome = invoked.outcome
    headers = [JSON, _VERSION]
    if not isinstance(outcome, Answer):
        if outcome.cause in (Cause.STOPPED, Cause.UNAVAILABLE):
            return _refused("ServiceUnavailableException", outcome.message)
        if outcome.cause is Cause.THROTTLED:
            return _refused(outcome.name, outcome.message)
        if outcome.cause in (Cause.START, Cause.LOST):
            return _refused("ServiceException", f"{outcome.name}: {outcome.message}")
        headers.append(("X-Amz-Function-Error", "Unhandled"))
    if invoked.log_tail is not None:
        headers.append(("X-Amz-Log-Result", base64.b64encode(invoked.log_tail).decode()))
    return Reply(200, outcome.body, headers)


def _refused(name: str, message: str) -> Reply:
    return reply_of(problems.answer(Refusal(name, message)))


def reply_of(response: Response) -> Reply:
    return Reply(response.status_code, response.get_data(), response.headers.items())


def _qualifier(request: Request) -> str | None:
    """The first that is given, as for the other operations, and also an empty one."""
    given = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True)
    return next((value for name, value in given if name == "Qualifier"), None)


def _event(request: Request, limit: int) -> bytes:
    """The body as it came but for a byte call mark, which not every runtime could read, or an
    empty object for none. Raises `RequestTooLarge` or `Refusal`."""
    if request.truncated:
        raise Refusal("SerializationException", "the body is shorter than its headers say")
    if len(request.body) > limit:
        raise problems.too_large(limit, "InvokeFunction")
    body = strict_json.without_mark(request.body)
    if not body:
        return b"{}"
    try:
        strict_json.check(body)
    except ValueError as error:
        raise Refusal(
            "InvalidRequestContentException",
            "Could not parse request body into json: Could not parse payload into json: "
            + json_words.fault(error),
        ) from None
    return body


def _client_context(encoded: str | None) -> str | None:
    """The JSON text, fit for a header. Raises `Refusal`."""
    if not encoded:
        return None
    if len(encoded) > _MAX_CONTEXT:
        raise Refusal(
            "InvalidRequestContentException",
            f"Client context must be no more than {_MAX_CONTEXT} bytes when base64-encoded.",
        )
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        value = strict_json.loads(text)
    except (binascii.Error, ValueError):
        raise Refusal(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ) from None
    return text if text.isascii() and text.isprintable() else json.dumps(value)


def trace_id_of(given: str | None) -> str:
    """The caller's, or a new one, which the runtime is told."""
    return given if given and given.isascii() else ids.trace_id()
