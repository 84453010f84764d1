"""Bytes on a connection that are no request, or a refused one."""

from __future__ import annotations

from taskdock.web.http.messages import Reply

_COMPLAINTS = (
    ("method", "it does not begin with a method, such as GET, and a path"),
    ("HTTP", "its first line does not end in HTTP/1.1; a space in the path is written as %20"),
    ("Content-Length", "its Content-Length is no number, or stands beside a Transfer-Encoding"),
    ("Transfer-Encoding", "its Transfer-Encoding is not chunked"),
    ("chunk", "a chunk of its body does not begin with its size"),
    ("url", "its path has a character that has to be percent-encoded"),
    ("header", "one of its headers has a character that no header has there"),
)
"""Words in the complaints of the parser, llhttp, and our sentences."""


def in_our_words(complaint: str) -> str:
    """Why bytes are no request, for a complaint of the parser."""
    ours = (sentence for word, sentence in _COMPLAINTS if word in complaint)
    return f"the request cannot be read: {next(ours, 'it is not written as HTTP/1.1 is')}"


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
