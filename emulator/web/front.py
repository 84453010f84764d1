"""The public listener's application: what is called most by itself, all else through WSGI."""

from __future__ import annotations

import json
import re
from http import HTTPStatus

from emulator.web import lambda_problems, problems
from emulator.web.exchange import Receive, Reply, Request, Scope, Send, Truncated
from emulator.web.lambda_invoke import InvokeApi
from emulator.web.wsgi import Wsgi

MAX_HEAD = 256 * 1024  # bytes of a request line and headers
LARGEST_BODY = 72 * 1024 * 1024  # bytes; a zip of 50 MB in base64 has 67

_OF_AWS = re.compile(r"/\d{4}-\d\d-\d\d/")  # a version of AWS's Lambda API


class Front:
    def __init__(self, invoke: InvokeApi, wsgi: Wsgi) -> None:
        self._invoke = invoke
        self._wsgi = wsgi

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        reply = await self._reply(request)
        if reply is not None:
            await reply.send(send)

    async def _reply(self, request: Request) -> Reply | None:
        """None: there is nobody any more to answer."""
        if self._invoke.serves(request):
            return await self._invoke.reply(request)
        if int(request.header("content-length") or 0) > LARGEST_BODY:
            return _too_large(request)
        try:
            body = await request.body(LARGEST_BODY)
        except Truncated:
            return None
        return (
            _too_large(request)
            if len(body) > LARGEST_BODY
            else await self._wsgi.reply(request, body)
        )


def _too_large(request: Request) -> Reply:
    status, body, headers = refuse(
        request.path, 413, f"the body has more than {LARGEST_BODY} bytes, the most that is taken"
    )
    headers["Connection"] = "close"
    return Reply(status, body, [("Content-Type", "application/json"), *headers.items()])


def refuse(path: str, status: int, why: str) -> tuple[int, bytes, dict[str, str]]:
    """What the application does not get to see, in JSON, as the API it is for does it."""
    if _OF_AWS.match(path):
        too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        name = "RequestEntityTooLargeException" if too_large else "SerializationException"
        refusal = lambda_problems.answer(lambda_problems.Refusal(name, why))
        return refusal.status_code, refusal.get_data(), {"X-Amzn-Errortype": name}
    answer, status = problems.http_answer(status, why)
    return status, json.dumps(answer).encode(), {}
