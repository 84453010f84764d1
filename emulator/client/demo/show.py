"""The demo on the dashboard: keeps a server of its own running, and tells a small story on it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import click

from taskdock.base import resources
from taskdock.base.errors import EngineError, TaskdockError
from taskdock.base.settings import EPHEMERAL
from taskdock.base.timing.clock import Clock
from taskdock.client.api import DASHBOARD, TaskService
from taskdock.client.console import output, progress
from taskdock.client.demo import samples
from taskdock.client.demo.hello_worlds import advice, leave
from taskdock.client.demo.samples import BuildImage
from taskdock.client.demo.storyteller import Storyteller
from taskdock.client.errors import NotStarted, ServerUnreachable, ServiceError
from taskdock.client.execution import folders
from taskdock.client.servers.local_server import LocalServer

USUAL_PORT = 8080
"""Commands in another terminal call it by themselves."""

_OPTIONS = (
    *("--log-level", "WARNING", "--auth", "open", "--harness", "on"),
    *("--clock", "manual"),  # a clock that a trainer can move; it is set going at once
    *("--concurrency", "3"),  # few, so that tasks are seen to wait
    *("--stop-grace", "0"),  # nobody waits for the story's tasks
)


def run(
    *,
    server_command: Sequence[str],
    data_dir: Path | None,
    port: int | None,
    build_image: BuildImage,
    clock: Clock,
) -> bool:
    """Tells the story on a server of its own until Ctrl-C, and stops that server.

    `data_dir`: None is a folder that goes with the server. `port`: None is the usual one, or a free
    one where that is taken. Returns whether the server has stopped in order.

    Raises `TaskdockError`.
    """
    output.say(click.style("taskdock demo: a small story on the dashboard, offline", bold=True))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)  # raises an exception, so that the server is stopped
    with progress.shown() as show, _folder(data_dir, clock) as folder:
        _step("1. Start a server")
        at_the_end: list[str] = []
        is_ending = threading.Event()

        def hear(line: str) -> None:
            """Shows a line; at the end, when much is interrupted, only if the end fails."""
            if is_ending.is_set():
                at_the_end.append(line)
            else:
                show(line)

        server = LocalServer(
            server_command,
            data_dir=folder,
            clock=clock,
            on_line=hear,
            options=(*_OPTIONS, "--doubles", str(resources.folder(samples.FOLDER) / "doubles")),
            variables={EPHEMERAL: "1"} if data_dir is None else None,
            port=_port() if port is None else port,
        )
        try:
            with server:
                _introduce(server.url)
                with suppress(KeyboardInterrupt):
                    _tell(server, partial(build_image, show=show), clock)
                is_ending.set()
                _step("4. Stop the server")
        except ServerUnreachable as error:
            code = f"it ended with exit code {server.exit_code}"
            raise TaskdockError(f"the demo's server went away; {code}\n{advice()}") from error
        except (EngineError, NotStarted) as error:
            raise TaskdockError(f"{error.message}\n{advice()}") from error
        stopped = server.exit_code == 0
        for line in () if stopped else at_the_end:
            show(line)
        _say("stopped" if stopped else f"it ended with exit code {server.exit_code}")
        return stopped


def _introduce(url: str) -> None:
    page = f"{url}{DASHBOARD}"
    for name, where in (
        ("Dashboard", page),
        ("for a room", f"{page}?present=1"),
        ("Task Service", url),
    ):
        _say(f"{name:<12}  {where}")
    _say("Ctrl-C ends it; nothing is left")


def _tell(server: LocalServer, build_image: Callable[[Path], str], clock: Clock) -> None:
    service = TaskService(server.url)
    try:
        teller = Storyteller(service, clock, build_image, lambda: server.runs)
        _step("2. Deploy the functions")
        teller.prepare()
        _step("3. Every few seconds something happens: look at the dashboard")
        teller.tell()
    except ServiceError as error:
        raise TaskdockError(f"the server refused a part of the story: {error.message}") from error
    finally:
        service.close()


@contextmanager
def _folder(given: Path | None, clock: Clock) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with folders.passing(os.environ, clock.now()) as folder:
        yield folder


def _port() -> int:
    """The usual port, or 0 where somebody listens there."""
    with suppress(OSError), socket.create_connection(("localhost", USUAL_PORT), 1):
        return 0
    return USUAL_PORT


def _step(title: str) -> None:
    output.say(click.style(f"\n{title}", fg="cyan", bold=True))


def _say(news: str) -> None:
    output.say(f"   {news}")
