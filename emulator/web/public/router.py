"""Routes Invoke and the dashboard's stream straight to the event loop, every other path of the
public listener to Flask."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from taskdock.web.access.admission import OURS
from taskdock.web.access.authentication import knows
from taskdock.web.access.dashboard_callers import is_dashboard
from taskdock.web.common import problems
from taskdock.web.doubles import staged
from taskdock.web.http.budget import Budget
from taskdock.web.http.messages import PendingReply, Reply, Request
from taskdock.web.http.site import Judgement
from taskdock.web.http.wsgi import Wsgi
from taskdock.web.lambda_api import problems as lambda_problems
from taskdock.web.lambda_api.invoke import FUNCTIONS, InvokeApi, reply_of
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.stream.endpoint import StreamApi

MAX_HEAD = 256 * 1024  # bytes of a request line and headers
MAX_BODY = 72 * 1024 * 1024  # bytes; a zip of 50 MB in base64 has 67

READING = ("GET", "HEAD")
_FROM_ADDRESSES = 256 * 1024 * 1024  # bytes of large bodies: three of the largest zips at a time
_FROM_CONTAINERS = 160 * 1024 * 1024
_FROM_STRANGERS = 32 * 1024 * 1024  # who is nobody, or whose signature covers the body
_OF_A_STRANGER = 8 * 1024 * 1024  # an event has 6 MB

_OF_AWS = re.compile(r"/\d{4}-\d\d-\d\d/")  # a version of AWS's Lambda API


class PublicRouter:
    def __init__(
        self,
        invoke: InvokeApi,
        stream: StreamApi,
        wsgi: Wsgi,
        refusal: Callable[[Request], Reply | None],
    ) -> None:
        """`refusal` is called on a thread: it gives the application's refusal of a request by its
        headers, or None."""
        self._invoke = invoke
        self._stream = stream
        self._wsgi = wsgi
        self._refusal = refusal
        self.addresses = Budget(_FROM_ADDRESSES)
        """The budget of large bodies from known callers outside containers."""
        self.containers = Budget(_FROM_CONTAINERS, of_one=MAX_BODY)
        """The budget of large bodies from containers."""
        self.strangers = Budget(_FROM_STRANGERS, of_one=_OF_A_STRANGER)
        """The budget of large bodies from callers who are not known before their body."""

    def __call__(self, request: Request) -> Reply | PendingReply:
        if self._invoke.serves(request):
            return self._invoke.reply(request)
        if self._stream.serves(request):
            return self._stream.reply(request)
        if request.truncated:
            return refuse(request.path, 400, "the body is shorter than its headers say")
        reply = self._wsgi.reply(request)
        if request.method not in READING and is_dashboard(request.path):
            self._stream.forget_parts_after(reply)
        return staged.reply_to(request, reply)

    def judge(self, request: Request, decide: Callable[[Judgement], None]) -> None:
        """See `Site.judge`. A request that signs in needs the database, and so a thread."""
        if self._invoke.serves(request):
            decide(self._invoke.refusal(request) or self._budget(request, known=True))
            return

        def judged(found: asyncio.Future[Reply | None]) -> None:
            if not found.cancelled():
                error = found.exception()
                broken = error and refuse(request.path, 500, "there was an internal error")
                decide(
                    broken or found.result() or self._budget(request, known=knows(request.known))
                )

        self._wsgi.run(self._refusal, request).add_done_callback(judged)

    def _budget(self, request: Request, *, known: bool) -> Budget:
        if not known:
            return self.strangers
        return self.addresses if request.peer.address else self.containers


def refuse(path: str, status: int, why: str) -> Reply:
    """Refuses a request that the application does not see: in JSON, as the API of its path does, or
    as a page of the dashboard."""
    if is_dashboard(path):
        body, headers = responses.refused_outside(path, status, why)
        return Reply(status, body, (*headers, *OURS))
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
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            name = "ServiceUnavailableException"
        return reply_of(lambda_problems.answer(lambda_problems.Refusal(name, why)))
    answer, status = problems.http_answer(status, why)
    return Reply(status, json.dumps(answer).encode())
