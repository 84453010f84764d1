"""Answers of runtimes that stream them: handed on while they arrive, or collected.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable

from emulator.lambdas.environment.answer_stream import AnswerSource
from emulator.lambdas.environment.mailbox import Mailbox, Receipt
from emulator.lambdas.outcome import Failure, StreamBroken, function_error, response_too_large
from emulator.web.http.body import BodyCutOff, BodyStream, BodyTooLarge
from emulator.web.http.messages import PendingReply, Reply, Request

ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
_CONTENT_TYPE = "application/octet-stream"

ReplyTo = Callable[[Receipt], Reply]


def hand_on(
    mailbox: Mailbox, request: Request, body: BodyStream, request_id: str, reply_to: ReplyTo
) -> PendingReply:
    """Hands the answer to the invoker, which takes streams, piece by piece."""
    request.release()  # no more of it is in memory than its window
    reply = PendingReply()
    source = AnswerSource(
        pieces=_pieces(request, body),
        cut=lambda: body.end(BodyCutOff("nobody reads this answer any more")),
        content_type=request.header("content-type") or _CONTENT_TYPE,
    )
    mailbox.stream(request_id, source, lambda receipt: reply.give(reply_to(receipt)))
    return reply


async def collect(mailbox: Mailbox, request: Request, body: BodyStream, request_id: str) -> Receipt:
    """Collects the answer for an invoker that takes it whole."""
    try:
        whole = await body.gather()
    except BodyTooLarge:
        return mailbox.answer_too_large(request_id)
    except BodyCutOff:
        return Receipt.TRUNCATED
    return mailbox.answer(request_id, whole, _error_in_stream(request))


async def _pieces(request: Request, body: BodyStream) -> AsyncIterator[bytes]:
    try:
        async for piece in body:
            yield piece
    except BodyTooLarge:
        raise StreamBroken(response_too_large()) from None
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
