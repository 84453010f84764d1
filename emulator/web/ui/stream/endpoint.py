"""/ui/stream: the live stream, served on the event loop. The application only judges its caller.

Parts of pages that are fetched because the stream told of a change are answered here, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from flask import Response

from taskdock.identity.account import Account, may
from taskdock.web.access.admission import OURS
from taskdock.web.access.credentials import CALLER
from taskdock.web.common.endpoint import Gate
from taskdock.web.http.messages import PendingReply, Reply, Request
from taskdock.web.http.wsgi import Wsgi
from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.stream.hub import Hub
from taskdock.web.ui.stream.shared_parts import ToldParts

PATH = f"{ROOT}stream"
_PATIENCE = 5.0  # seconds in which a page reads nothing, though its connection is full
_HEADERS = (("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), *OURS)


class StreamViews:
    @page(PATH, permission=Gate.USER)
    def stream(self) -> Response:
        """Declares who may listen. The event loop answers before this is called."""
        return Response(mimetype="text/event-stream")


class StreamApi:
    """On the reactor's thread."""

    def __init__(self, hub: Hub, wsgi: Wsgi, refusal: Callable[[Request], Reply | None]) -> None:
        """`refusal` is called on a thread, as by `PublicRouter`."""
        self._hub = hub
        self._wsgi = wsgi
        self._refusal = refusal
        self._parts = ToldParts(wsgi, told=lambda: hub.told, spend=hub.spend)

    def serves(self, request: Request) -> bool:
        if request.method != "GET":
            return False
        return request.path == PATH or self._parts.serves(request)

    def reply(self, request: Request) -> PendingReply:
        request.release()
        if request.path != PATH:
            return self._parts.reply(request)
        pending = PendingReply()

        def judged(found: asyncio.Future[Reply | None]) -> None:
            if found.cancelled():
                return
            error = found.exception()
            pending.give(
                RuntimeError(repr(error)) if error else found.result() or self._open(request)
            )

        self._wsgi.run(self._refusal, request).add_done_callback(judged)
        return pending

    def forget_parts_after(self, action: asyncio.Future[Reply]) -> None:
        """Has whoever does something on a page see the effect at once: it may be that no page has
        been told of it yet. Called before anybody else waits for the action's reply."""
        action.add_done_callback(lambda _: self._parts.forget())

    def _open(self, request: Request) -> Reply:
        caller = request.known.get(CALLER)
        # Facts name tasks, which a user without that permission does not see.
        sees_tasks = isinstance(caller, Account) and may(caller, "VIEW_TASKS")
        reader = self._hub.open(wants_facts=sees_tasks and b"facts=1" in request.query)
        if reader is None:
            return Reply(503, b"too many pages are open", (("Content-Type", "text/plain"), *OURS))
        return Reply(200, reader, _HEADERS, patience=_PATIENCE)
