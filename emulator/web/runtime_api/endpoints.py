"""AWS's Runtime API: who asks, what for, and what is answered.

Whose container is asking is known by the door that it came by.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; what that leaves open is answered as
AWS's own server does: https://github.com/aws/aws-lambda-runtime-interface-emulator.
docs/lambda-runtime-api.md has all of it in one table.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from emulator.lambdas.environment import runtime_state
from emulator.lambdas.environment.mailbox import Mailbox, NextEvent, Receipt
from emulator.lambdas.environment.runtime_state import State
from emulator.lambdas.outcome import (
    MAX_RESPONSE,
    Failure,
    bad_response_mode,
    function_error,
)
from emulator.web.http.budget import Budget
from emulator.web.http.messages import JSON, PendingReply, Reply, Request
from emulator.web.http.site import Judgement
from emulator.web.runtime_api import error_cause

MAX_HEAD = 1024 * 1024 + 4096
"""Bytes of a request line and headers, or of trailers: what Go's server takes, and so AWS's.
https://pkg.go.dev/net/http#DefaultMaxHeaderBytes"""


MAX_BODY = MAX_RESPONSE + 1
"""One byte more than a response may have shows that it is too large."""
_OF_ONE = 2 * MAX_BODY  # bytes of large bodies of a container at a time: it has one invocation
_OF_A_FUNCTION = 32 * MAX_BODY
_OF_ALL = 64 * MAX_BODY
MAX_DROPPED = sys.maxsize
"""AWS's server reads the rest, and then says that it was too much; the time limit ends what has no
end."""


def error_body(type: str, message: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": type}, separators=(",", ":")).encode()


def error(status: int, type: str, message: str) -> Reply:
    return Reply(status, error_body(type, message))


def refuse(_: str, status: int, why: str) -> Reply:
    """What is not HTTP, or hardly: as Go's `net/http` answers it, `server.go`."""
    match status:
        case HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return Reply(status, b"431 Request Header Fields Too Large", _TEXT)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return _WRONG_METHOD
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return _ENDED
    return Reply(400, b"400 Bad Request", _TEXT)


_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
_MODE = "lambda-runtime-function-response-mode"
_STREAMING = "streaming"


_ACCEPTED = Reply(202, b'{"status":"OK"}')
_UNKNOWN_ID = error(400, "InvalidRequestID", "Invalid request ID")
_TRUNCATED = error(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
_BAD_MODE = error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
_NO_ENDPOINT = Reply(404, b"404 page not found\n", (*_TEXT, ("X-Content-Type-Options", "nosniff")))
"""As Go's `http.NotFound` has it, which the router of AWS's server uses: go-chi/chi, `mux.go`."""
_WRONG_METHOD = Reply(405, b"", ())
_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
"""Those that this router knows. It looks at the method before the path."""
_TOO_LARGE = error(
    413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
)
_ENDED = error(500, "InternalServerError", "Internal Server Error")
_PONG = Reply(200, b"pong", _TEXT)
_NO_EXTENSIONS = error(403, "Extension.NotSupported", "Extensions are not supported")
_NO_LOGS = error(202, "Logs.NotSupported", "Logs API is not supported")
_NO_TELEMETRY = error(202, "Telemetry.NotSupported", "Telemetry API is not supported")


Endpoint = Callable[[Mailbox, Request, str], Reply | PendingReply]


class RuntimeApi:
    def __init__(self, mailbox_of: Callable[[str], Mailbox | None]) -> None:
        """`mailbox_of` finds an environment's mailbox by its id."""
        self._mailbox_of = mailbox_of

        self._budget = Budget(_OF_ALL, of_one=_OF_ONE, of_function=_OF_A_FUNCTION)

    def __call__(self, request: Request) -> Reply | PendingReply:
        mailbox = self._mailbox_of(request.peer.environment)
        if mailbox is None:
            return _NO_ENDPOINT
        found = _find(request)
        if isinstance(found, Reply):
            return found
        if request.truncated:
            return _TRUNCATED
        endpoint, request_id = found
        return endpoint(mailbox, request, request_id)

    def judge(self, request: Request, tell: Callable[[Judgement], None]) -> None:
        """See `Site.judge`. Who calls is known by the door; what is asked is refused behind its
        body, for the connection goes on, as with AWS."""
        tell(self._budget)


def _find(request: Request) -> tuple[Endpoint, str] | Reply:
    """What answers it, with the invocation's id, or what it is refused with."""
    for method, path, endpoint in _ENDPOINTS:
        match = path.fullmatch(request.path)
        if match is None:
            continue
        if method != request.method:
            return replace(_WRONG_METHOD, headers=(("Allow", method),))
        return endpoint, match.groupdict().get("id", "")
    return _NO_ENDPOINT if request.method in _METHODS else _WRONG_METHOD


def _next(mailbox: Mailbox, request: Request, _: str) -> Reply | PendingReply:
    """Holds the request until there is an event, or the runtime hangs up."""
    reply = PendingReply()

    def deliver(delivery: NextEvent | None) -> None:
        reply.give(_ENDED if delivery is None else _event(delivery))

    cancel = mailbox.next(deliver)
    if cancel is None:
        return _not_allowed(mailbox, State.READY)

    def hang_up() -> None:
        cancel()
        deliver(None)

    request.at_end = hang_up
    return reply


def _event(delivery: NextEvent) -> Reply:
    context = delivery.client_context
    headers = (
        JSON,
        ("Lambda-Runtime-Aws-Request-Id", delivery.request_id),
        ("Lambda-Runtime-Deadline-Ms", str(delivery.deadline_ms)),
        ("Lambda-Runtime-Invoked-Function-Arn", delivery.function_arn),
        ("Lambda-Runtime-Trace-Id", delivery.trace_id),
        *(() if context is None else (("Lambda-Runtime-Client-Context", context),)),
    )
    return Reply(200, delivery.event, headers)


def _response(mailbox: Mailbox, request: Request, request_id: str) -> Reply:
    mode = request.header(_MODE)
    if mode and mode != _STREAMING:
        verdict = mailbox.answer(request_id, b"", bad_response_mode())
        accepted = _BAD_MODE
    else:
        broken = _error_in_stream(request) if mode else None
        verdict = mailbox.answer(request_id, request.body, broken)
        accepted = _ACCEPTED
    return _told(mailbox, verdict, State.INVOCATION_RESPONSE, accepted)


def _error_in_stream(request: Request) -> Failure | None:
    """The error that a streamed response ended with, as its trailers say."""
    error_type = request.trailer(_ERROR_TYPE)
    if not error_type:
        return None
    encoded = request.trailer(_ERROR_BODY) or ""
    try:
        return function_error(base64.b64decode(encoded, validate=True), error_type)
    except (binascii.Error, ValueError):
        return function_error(encoded.encode(), error_type)


def _error_post(mailbox: Mailbox, request: Request, request_id: str) -> Reply:
    body = request.body
    if request.header("content-type") == error_cause.CONTENT_TYPE and not request.too_large:
        body = error_cause.without_cause(body)
    verdict = mailbox.fail(request_id, request.header(_ERROR_TYPE), body)
    return _told(mailbox, verdict, State.INVOCATION_ERROR_RESPONSE)


def _init_error(mailbox: Mailbox, request: Request, _: str) -> Reply:
    verdict = mailbox.fail_init(request.header(_ERROR_TYPE), request.body)
    return _told(mailbox, verdict, State.INIT_ERROR)


def _told(mailbox: Mailbox, verdict: Receipt, asked: State, accepted: Reply = _ACCEPTED) -> Reply:
    match verdict:
        case Receipt.ACCEPTED:
            return accepted
        case Receipt.UNKNOWN_ID:
            return _UNKNOWN_ID
        case Receipt.WRONG_STATE:
            return _not_allowed(mailbox, asked)
        case Receipt.TOO_LARGE:
            return _TOO_LARGE


def _not_allowed(mailbox: Mailbox, asked: State) -> Reply:
    return error(403, "InvalidStateTransition", runtime_state.refusal(mailbox.state, asked))


def _always(reply: Reply) -> Endpoint:
    def endpoint(mailbox: Mailbox, request: Request, _: str) -> Reply:
        return reply

    return endpoint


_RUNTIME = "/2018-06-01/runtime"
_EXTENSION = "/2020-01-01/extension"
_ENDPOINTS: tuple[tuple[str, re.Pattern[str], Endpoint], ...] = tuple(
    (method, re.compile(path), endpoint)
    for method, path, endpoint in (
        ("GET", f"{_RUNTIME}/invocation/next", _next),
        ("POST", f"{_RUNTIME}/invocation/(?P<id>[^/]*)/response", _response),
        ("POST", f"{_RUNTIME}/invocation/(?P<id>[^/]*)/error", _error_post),
        ("POST", f"{_RUNTIME}/init/error", _init_error),
        ("GET", "/2018-06-01/ping", _always(_PONG)),
        ("POST", f"{_EXTENSION}/(register|init/error|exit/error)", _always(_NO_EXTENSIONS)),
        ("GET", f"{_EXTENSION}/event/next", _always(_NO_EXTENSIONS)),
        ("PUT", "/2020-08-15/logs", _always(_NO_LOGS)),
        ("PUT", "/2022-07-01/telemetry", _always(_NO_TELEMETRY)),
    )
)
