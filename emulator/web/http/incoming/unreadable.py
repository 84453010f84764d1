"""Bytes on a connection that are no request, or a refused one."""

from __future__ import annotations

from taskdock.web.http.messages import Reply


class Unreadable(Exception):
    """The bytes are no request, or a refused one. The bytes behind them mean nothing.

    `status` and `why` say how to refuse it, unless the `reply` is known already.
    """

    def __init__(self, status: int, why: str, reply: Reply | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.reply = reply


class Stop(Exception):
    """Carries an `Unreadable` through the parser, which raises an error of its own from it."""

    def __init__(self, unreadable: Unreadable) -> None:
        super().__init__()
        self.unreadable = unreadable
