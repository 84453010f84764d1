"""The public listener's application: what is called most by itself, all else through WSGI."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http import HTTPStatus

from emulator.web import lambda_problems, problems
from emulator.web.admission import OURS
from emulator.web.exchange import Later, Reply, Request
from emulator.web.lambda_invoke import FUNCTIONS, InvokeApi, reply_of
from emulator.web.wsgi import Wsgi

MAX_HEAD = 256 * 1024  # bytes of a request line and headers
MAX_BODY = 72 * 1024 * 1024  # bytes; a zip of 50 MB in base64 has 67

_OF_AWS = re.compile(r"/\d{4}-\d\d-\d\d/")  # a version of AWS's Lambda API


class Front:
    def __init__(self, invoke: InvokeApi, wsgi: Wsgi) -> None:
        self._invoke = invoke
        self._wsgi = wsgi

    def __call__(self, request: Request) -> Reply | Later:
        if self._invoke.serves(request):
            return self._invoke.reply(request)
        if request.truncated:
            return refuse(request.path, 400, "the body is shorter than its headers say")
        return Later.of(self._wsgi.reply(request))


def refuse(path: str, status: int, why: str) -> Reply:
    """What the application does not get to see, in JSON, as the API it is for does it."""
    reply = _refusal(path, status, why)
    return replace(reply, headers=(*reply.headers, *OURS))


def _refusal(path: str, status: int, why: str) -> Reply:
    if _OF_AWS.match(path):
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return reply_of(lambda_problems.break_down())
        if status in (HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST):
            refusal = lambda_problems.answer(lambda_problems.Refusal("AccessDeniedException", why))
            return replace(reply_of(refusal), status=status)
        too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if too_large and path.startswith(FUNCTIONS) and not path.endswith("/invocations"):
            return reply_of(lambda_problems.answer(lambda_problems.zip_too_large()))
        name = "RequestEntityTooLargeException" if too_large else "SerializationException"
        return reply_of(lambda_problems.answer(lambda_problems.Refusal(name, why)))
    answer, status = problems.http_answer(status, why)
    return Reply(status, json.dumps(answer).encode())
