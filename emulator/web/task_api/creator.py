"""The task in whose run a function makes the current request, by its container's own door."""

from __future__ import annotations

from collections.abc import Callable

from flask import request

from taskdock.web.http.wsgi import PEER

TaskOf = Callable[[str], "str | None"]
"""The id of the task that runs in the environment of this id."""


def creator(task_of: TaskOf) -> str | None:
    """None: nobody's, or a run of another kind."""
    peer = request.environ.get(PEER)
    return task_of(peer.environment) if peer is not None and peer.environment else None
