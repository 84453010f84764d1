"""AWS's Runtime API: finds the endpoint of a request, and turns it into calls of a mailbox.

The door that a request came by says which environment sent it.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; the replies that it
leaves open are those of AWS's own server: https://github.com/aws/aws-lambda-runtime-interface-emulator.
docs/lambda-runtime-api.md has all of it in one table.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from dataclasses import replace

from taskdock.lambdas.environment import runtime_state
from taskdock.lambdas.environment.mailbox import Mailbox, NextEvent, Receipt
from taskdock.lambdas.environment.runtime_state import RuntimeState
from taskdock.lambdas.outcome import MAX_RESPONSE, MAX_STREAMED, bad_response_mode
from taskdock.web.http.body import BodyStream
from taskdock.web.http.budget import Budget
from taskdock.web.http.messages import JSON, PendingReply, Reply, Request
from taskdock.web.http.site import Judgement
from taskdock.web.runtime_api import error_cause, replies, streamed_answer
from taskdock.web.runtime_api.streamed_answer import ERROR_TYPE, Post

MAX_HEAD = 1024 * 1024 + 4096
"""Bytes of a request line and headers, or of trailers: what Go's server takes, and so AWS's.
https://pkg.go.dev/net/http#DefaultMaxHeaderBytes"""

MAX_BODY = MAX_RESPONSE + 1
"""Bytes that are kept of a body: one byte more than a response may have shows that it is too
large."""
_OF_ONE = 2 * MAX_BODY  # bytes of large bodies of a container at a time: it has one invocation
_OF_A_FUNCTION = 32 * MAX_BODY
_OF_ALL = 64 * MAX_BODY
MAX_DROPPED = sys.maxsize
"""AWS's server reads the rest, and then says that it was too much; the time limit ends what has no
end."""


_MODE = "lambda-runtime-function-response-mode"
_STREAMING = "streaming"
_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
"""The methods that this router knows. The router looks at the method before the path."""
Endpoint = Callable[[Mailbox, Request, str], Reply | PendingReply]


class RuntimeApi:
    def __init__(
        self, mailbox_of: Callable[[str], Mailbox | None], max_streamed: int = MAX_STREAMED
    ) -> None:
        """`mailbox_of` finds an environment's mailbox by its id. `max_streamed`: bytes of an answer
        that its caller reads while it arrives."""
        self._mailbox_of = mailbox_of
        self._max_streamed = max_streamed
        self._budget = Budget(_OF_ALL, of_one=_OF_ONE, of_function=_OF_A_FUNCTION)

    def __call__(self, request: Request) -> Reply | PendingReply:
        mailbox = self._mailbox_of(request.peer.environment)
        if mailbox is None:
            return replies.NO_ENDPOINT
        found = _find(request)
        if isinstance(found, Reply):
            return found
        if request.truncated:
            return replies.TRUNCATED
        endpoint, request_id = found
        if request.stream is not None:
            return self._streamed(mailbox, request, request.stream, request_id)
        return endpoint(mailbox, request, request_id)

    def _streamed(
        self, mailbox: Mailbox, request: Request, body: BodyStream, request_id: str
    ) -> PendingReply:
        def reply_to(receipt: Receipt) -> Reply:
            return _reply_to(mailbox, receipt, RuntimeState.INVOCATION_RESPONSE)

        post = Post(mailbox, request, body, request_id)

        async def collected() -> Reply:
            return reply_to(await streamed_answer.collect(post))

        if not mailbox.takes_stream(request_id):
            return PendingReply.of(asyncio.ensure_future(collected()))
        return streamed_answer.hand_on(post, self._max_streamed, reply_to)

    def judge(self, request: Request, decide: Callable[[Judgement], None]) -> None:
        """See `Site.judge`. The door says who calls. A wrong request is refused behind its body,
        since the connection goes on, as with AWS."""
        decide(self._budget)

    def streams(self, request: Request) -> bool:
        """See `Site.streams`: whether a function's response is streamed."""
        if request.method != "POST" or request.header(_MODE) != _STREAMING:
            return False
        is_response = _RESPONSE.fullmatch(request.path) is not None
        return is_response and self._mailbox_of(request.peer.environment) is not None


def _find(request: Request) -> tuple[Endpoint, str] | Reply:
    """The endpoint that answers it, with the invocation's id in its path; or the refusal."""
    for method, path, endpoint in _ENDPOINTS:
        match = path.fullmatch(request.path)
        if match is None:
            continue
        if method != request.method:
            return replace(replies.WRONG_METHOD, headers=(("Allow", method),))
        return endpoint, match.groupdict().get("id", "")
    return replies.NO_ENDPOINT if request.method in _METHODS else replies.WRONG_METHOD


def _next(mailbox: Mailbox, request: Request, _: str) -> Reply | PendingReply:
    """Holds the request until there is an event, or the runtime hangs up."""
    reply = PendingReply()

    def deliver(delivery: NextEvent | None) -> None:
        reply.give(replies.ENDED if delivery is None else _event(delivery))

    cancel = mailbox.next(deliver)
    if cancel is None:
        return _not_allowed(mailbox, RuntimeState.READY)

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
    if request.header(_MODE):
        receipt = mailbox.answer(request_id, b"", bad_response_mode())
        return _reply_to(mailbox, receipt, RuntimeState.INVOCATION_RESPONSE, replies.BAD_MODE)
    receipt = mailbox.answer(request_id, request.body)
    return _reply_to(mailbox, receipt, RuntimeState.INVOCATION_RESPONSE)


def _error_post(mailbox: Mailbox, request: Request, request_id: str) -> Reply:
    body = request.body
    if request.header("content-type") == error_cause.CONTENT_TYPE and not request.too_large:
        body = error_cause.without_cause(body)
    receipt = mailbox.fail(request_id, request.header(ERROR_TYPE), body)
    return _reply_to(mailbox, receipt, RuntimeState.INVOCATION_ERROR_RESPONSE)


def _init_error(mailbox: Mailbox, request: Request, _: str) -> Reply:
    receipt = mailbox.fail_init(request.header(ERROR_TYPE), request.body)
    return _reply_to(mailbox, receipt, RuntimeState.INIT_ERROR)


def _reply_to(
    mailbox: Mailbox, receipt: Receipt, asked: RuntimeState, accepted: Reply = replies.ACCEPTED
) -> Reply:
    match receipt:
        case Receipt.ACCEPTED:
            return accepted
        case Receipt.UNKNOWN_ID:
            return replies.UNKNOWN_ID
        case Receipt.WRONG_STATE:
            return _not_allowed(mailbox, asked)
        case Receipt.TOO_LARGE:
            return replies.TOO_LARGE
        case Receipt.TRUNCATED:
            return replies.TRUNCATED


def _not_allowed(mailbox: Mailbox, asked: RuntimeState) -> Reply:
    return replies.error(403, "InvalidStateTransition", runtime_state.refusal(mailbox.state, asked))


def _always(reply: Reply) -> Endpoint:
    def endpoint(mailbox: Mailbox, request: Request, _: str) -> Reply:
        return reply

    return endpoint


_RUNTIME = "/2018-06-01/runtime"
_EXTENSION = "/2020-01-01/extension"
_RESPONSE = re.compile(f"{_RUNTIME}/invocation/(?P<id>[^/]*)/response")
_ENDPOINTS: tuple[tuple[str, re.Pattern[str], Endpoint], ...] = tuple(
    (method, re.compile(path), endpoint)
    for method, path, endpoint in (
        ("GET", f"{_RUNTIME}/invocation/next", _next),
        ("POST", _RESPONSE.pattern, _response),
        ("POST", f"{_RUNTIME}/invocation/(?P<id>[^/]*)/error", _error_post),
        ("POST", f"{_RUNTIME}/init/error", _init_error),
        ("GET", "/2018-06-01/ping", _always(replies.PONG)),
        ("POST", f"{_EXTENSION}/(register|init/error|exit/error)", _always(replies.NO_EXTENSIONS)),
        ("GET", f"{_EXTENSION}/event/next", _always(replies.NO_EXTENSIONS)),
        ("PUT", "/2020-08-15/logs", _always(replies.NO_LOGS)),
        ("PUT", "/2022-07-01/telemetry", _always(replies.NO_TELEMETRY)),
    )
)
