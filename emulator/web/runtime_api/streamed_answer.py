"""Answers of runtimes that stream them: handed on while they arrive, or collected.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from taskdock.lambdas.environment.answer_stream import AnswerSource
from taskdock.lambdas.environment.mailbox import Mailbox, Receipt
from taskdock.lambdas.outcome import Failure, StreamBroken, function_error, response_too_large
from taskdock.web.http.body import BodyCutOff, BodyStream, BodyTooLarge
from taskdock.web.http.messages import PendingReply, Reply, Request

ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
_CONTENT_TYPE = "application/octet-stream"

ReplyTo = Callable[[Receipt], Reply]


@dataclass(frozen=True)
class Post:
    """A streamed answer that arrives."""

    mailbox: Mailbox
    request: Request
    body: BodyStream
    """The request's body."""
    request_id: str
    """The id of the invocation, in the request's path."""


def hand_on(post: Post, limit: int, reply_to: ReplyTo) -> PendingReply:
    """Hands the answer to an invoker that takes streams, piece by piece. `limit`: in bytes."""
    request, body, reply = post.request, post.body, PendingReply()
    request.release()  # no more of it is in memory than its window
    body.restrict(limit)
    source = AnswerSource(
        pieces=_pieces(request, body, limit),
        content_type=request.header("content-type") or _CONTENT_TYPE,
    )
    post.mailbox.stream(post.request_id, source, lambda receipt: reply.give(reply_to(receipt)))
    return reply


async def collect(post: Post) -> Receipt:
    """Collects the answer for an invoker that takes it whole."""
    try:
        whole = await post.body.gather()
    except BodyTooLarge:
        return post.mailbox.answer_too_large(post.request_id)
    except BodyCutOff:
        return Receipt.TRUNCATED
    return post.mailbox.answer(post.request_id, whole, _error_in_stream(post.request))


async def _pieces(request: Request, body: BodyStream, limit: int) -> AsyncIterator[bytes]:
    try:
        async for piece in body:
            yield piece
    except BodyTooLarge:
        raise StreamBroken(response_too_large(limit)) from None
    except BodyCutOff:
        raise StreamBroken from None
    failure = _error_in_stream(request)
    if failure is not None:
        raise StreamBroken(failure)


def _error_in_stream(request: Request) -> Failure | None:
    """The error that a streamed response ended with, as its trailers say."""
    error_type = request.trailer(ERROR_TYPE)
    if not error_type:
        return None
    encoded = request.trailer(_ERROR_BODY) or ""
    try:
        return function_error(base64.b64decode(encoded, validate=True), error_type)
    except (binascii.Error, ValueError):
        return function_error(encoded.encode(), error_type)
