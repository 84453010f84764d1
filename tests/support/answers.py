"""Unread answers: a refusal that no test has read fails the test that sent the request.

A helper that arranges something by HTTP and ignores a refusal would prove nothing.
"""

from __future__ import annotations

import threading
from typing import Any

import requests

_LOOKS = frozenset(
    ("status_code", "ok", "reason", "headers", "text", "content", "json", "raise_for_status")
)


class _Refusal(requests.Response):
    """One that nobody has looked at yet."""

    def __getattribute__(self, name: str) -> Any:
        if name in _LOOKS:
            _overlooked.pop(id(self), None)
        return super().__getattribute__(name)


_overlooked: dict[int, requests.Response] = {}


def watched(answer: requests.Response) -> requests.Response:
    """The same answer; the test fails if it is a refusal, and nothing of it is ever read.

    Those of other threads are left out: they can come when the test that asked has ended.
    """
    if not answer.ok and threading.current_thread() is threading.main_thread():
        answer.__class__ = _Refusal
        _overlooked[id(answer)] = answer
    return answer


def overlooked() -> list[str]:
    """The refusals that nobody has looked at until now; they are forgotten."""
    found = list(_overlooked.values())
    _overlooked.clear()
    return [f"{each.request.method} {each.url}: {each.status_code} {each.text}" for each in found]
