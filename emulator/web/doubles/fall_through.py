"""Leads every path outside what taskdock serves to its doubles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import HTTPException, NotFound

from taskdock.base.errors import NoSuchEndpoint, NotSignedIn
from taskdock.base.timing.clock import Clock
from taskdock.identity.account import NOBODY
from taskdock.web.access import elsewhere
from taskdock.web.access.credentials import BODY_TO_COME
from taskdock.web.common.endpoint import DeclaredRule, Endpoint, Gate
from taskdock.web.doubles.call import CallSender, ServiceCall
from taskdock.web.doubles.doubles import Doubles
from taskdock.web.doubles.rules.answer import ServiceAnswer
from taskdock.web.doubles.staged import STAGED, Staging
from taskdock.web.http.wsgi import HEADERS, JUDGED, PEER

TaskOf = Callable[[str], "str | None"]
"""The id of the task that runs in the environment of this id."""
Guarded = Callable[[Iterable[tuple[str, str]]], Iterable[tuple[str, str]]]
"""The headers of an answer, as they are sent."""
HandOn = Callable[[ServiceCall], "ServiceAnswer | None"]
"""Has a call answered by a cluster, and the answer written down; None: it may not be."""

_OURS = re.compile(
    r"/(?:tasks|taskdock|ui|docs|health|openapi\.json|\d{4}-\d\d-\d\d)(?:/.*)?", re.S
)
"""Paths below which nothing is a double's: what is not there is a mistake of the caller's."""
_NAME = "doubles"


@dataclass(frozen=True, kw_only=True)
class DoubleParts:
    """The parts that answer in place of services that are not here."""

    doubles: Doubles
    clock: Clock
    task_of: TaskOf
    hand_on: HandOn | None = None
    """None: a call that no double is for is refused."""


class FallThrough:
    def __init__(self, app: Flask, parts: DoubleParts, guarded: Guarded) -> None:
        """Adds the view of doubles to `app`. `lead` has to be called ahead of signing in, and
        `admit` behind it. `guarded` keeps pages apart from this server's own."""
        self._parts = parts
        self._guarded = guarded
        self._rule = DeclaredRule(
            "/<path:path>",
            endpoint=_NAME,
            declaration=Endpoint("ANY", "/<path:path>", permission=Gate.DOUBLE),
        )
        app.view_functions[_NAME] = self._answer

    def lead(self) -> None:
        """Has the current request answered by doubles where it is for nothing that is here."""
        sent: Request = request._get_current_object()  # type: ignore[attr-defined]
        if elsewhere.has(sent.method, sent.path) or (
            isinstance(sent.routing_exception, NotFound) and not _OURS.fullmatch(sent.path)
        ):
            sent.url_rule = self._rule
            sent.view_args = {}
            sent.routing_exception = None

    def admit(self) -> None:
        """Raises `NotSignedIn` or `NoSuchEndpoint` where no double will answer, whatever the body
        is. Nothing is recorded of callers who are nobody: they could be any page."""
        if request.url_rule is not self._rule or "caller" not in g:
            return
        could = self._parts.doubles.could_answer(request.method, request.path)
        if g.caller == NOBODY:
            raise NotSignedIn if could else NoSuchEndpoint(f"{_told()}; /docs lists all")
        if request.environ.get(BODY_TO_COME) and not could and self._parts.hand_on is None:
            raise self._parts.doubles.refuse(self._call(body_to_come=True), _told())

    def _answer(self) -> Response:
        call = self._call()
        answer = self._parts.doubles.answer(call)
        if answer is None:
            answer = None if self._parts.hand_on is None else self._parts.hand_on(call)
            if answer is None:
                raise self._parts.doubles.refuse(call, _told())
            self._parts.doubles.record(call, answer, None)
        if answer.delay or answer.failure:
            facts = request.environ.get(JUDGED, {})
            facts[STAGED] = Staging(answer.delay, answer.failure)
        response = Response(answer.content(), answer.status)
        response.headers.clear()
        for name, value in self._guarded(answer.headers):
            response.headers.add(name, value)
        return response

    def _call(self, *, body_to_come: bool = False) -> ServiceCall:
        peer = request.environ.get(PEER)
        sender = CallSender()
        if peer is not None and peer.environment:
            sender = CallSender(peer.function or None, self._parts.task_of(peer.environment))
        headers = request.environ.get(HEADERS, ())
        return ServiceCall(
            method=request.method,
            path=request.path,
            query=request.query_string.decode("latin-1"),
            target=re.sub(r"^[^/]+://[^/]*", "", request.environ.get("REQUEST_URI", "")),
            headers=tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in headers),
            body=b"" if body_to_come else request.get_data(),
            body_to_come=body_to_come,
            sender=sender,
            at=self._parts.clock.now(),
        )


def own_path(app: Flask, method: str, path: str) -> str | None:
    """Why such a call never comes to doubles, as a sentence; None: it does."""
    if elsewhere.has(method, path):
        return None
    try:
        app.url_map.bind("localhost").match(path, method)
    except NotFound:
        if not _OURS.fullmatch(path):
            return None
        return f"{path} is below a path that taskdock keeps for itself"
    except HTTPException:
        return f"taskdock itself serves {path}, and has no {method} there"
    return f"taskdock itself answers {method} {path}"


def _told() -> str:
    if elsewhere.has(request.method, request.path):
        return elsewhere.told(request.method, request.path)
    return f"there is no {request.method} {request.path[:200]} here"
