"""The server of `taskdock dev`: one that runs, or one of its own where none answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock
from taskdock.client.api import TaskService
from taskdock.client.errors import ServerUnreachable
from taskdock.client.servers import credentials
from taskdock.client.servers.local_server import LocalServer

_LOG = ("--log-level", "WARNING")


@contextmanager
def reached(
    service: TaskService,
    command: Sequence[str],
    settings: Settings,
    clock: Clock,
    say: Callable[[str], object],
) -> Iterator[TaskService]:
    """A service that answers, for the time of the block.

    `command`: runs taskdock. A server of its own has the data folder of `settings`, and the port
    that the URL names. `say` gets what that server logs, on any thread. Raises
    `ServerUnreachable` where the URL is of another machine, and `NotStarted`.
    """
    try:
        service.health()
    except ServerUnreachable:
        parts = urlsplit(service.url)
        if parts.scheme != "http" or not credentials.is_here(parts.hostname or ""):
            raise
        port = parts.port or 80
    else:
        yield service
        return
    say(f"no server answers at {service.url}: starting one, which ends with this command")
    with LocalServer(
        command,
        data_dir=settings.data_dir,
        clock=clock,
        on_line=say,
        options=_LOG,
        port=port,
    ) as server:
        found = credentials.read(settings.data_dir)
        signature = credentials.signature(server.url, {**os.environ, **found})
        own = TaskService(server.url, signature)
        try:
            yield own
        finally:
            own.close()
