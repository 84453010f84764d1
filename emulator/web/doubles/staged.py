"""Replies that come late, or not at all, because a double says so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from taskdock.web.doubles.rules.answer import DoubleFailure
from taskdock.web.http.messages import Broken, PendingReply, Reply, Request

STAGED = "taskdock.staged"
"""The key of a request's `Stage` among its facts: see `wsgi.JUDGED`."""


@dataclass(frozen=True)
class Staging:
    delay: float  # seconds of real time: a function's own waits are real
    failure: DoubleFailure | None = None


def reply_to(request: Request, made: asyncio.Future[Reply]) -> PendingReply:
    """The reply that is being made, as the request's stage has it. On the reactor's thread."""
    pending = PendingReply()
    has_ended = False

    def end() -> None:  # the client has gone, or sends no more: maybe ahead of its reply
        nonlocal has_ended
        has_ended = True

    request.at_end = end

    def perform(done: asyncio.Future[Reply]) -> None:
        stage = request.known.get(STAGED)
        if not isinstance(stage, Staging) or done.cancelled() or done.exception() is not None:
            pending.settle(done)
            return
        if stage.failure is DoubleFailure.NO_ANSWER:
            request.at_end = lambda: pending.give(Broken())
            if has_ended:
                request.at_end()
            return
        outcome = Broken() if stage.failure else done.result()
        asyncio.get_running_loop().call_later(stage.delay, pending.give, outcome)

    made.add_done_callback(perform)
    return pending
