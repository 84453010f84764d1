"""The demo on the dashboard: keeps a server of its own running, and tells a small story on it."""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

import click

from taskdock.base import resources
from taskdock.base.errors import EngineError, TaskdockError
from taskdock.base.settings import EPHEMERAL
from taskdock.base.timing.clock import Clock, to_iso
from taskdock.client.api import DASHBOARD, Json, TaskService
from taskdock.client.console import output, progress
from taskdock.client.demo import samples, story
from taskdock.client.demo.hello_worlds import advice, leave
from taskdock.client.demo.samples import BuildImage
from taskdock.client.demo.story import Beat, Kind
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
_PAUSE = 0.2
_MOST_WAITING = 2  # calls that wait for their answers; further ones are left out
_WIDTH = max(map(len, (*story.CODE_FIRST, story.IMAGE_LATER)))


@dataclass
class Storyteller:
    """The story on a running server."""

    service: TaskService
    clock: Clock
    build_image: Callable[[Path], str]
    runs: Callable[[], bool]
    """Whether the server has not ended by itself."""
    _deployed: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    _visits: queue.Queue[Beat] = field(default_factory=lambda: queue.Queue(_MOST_WAITING))

    def prepare(self) -> None:
        """Deploys what needs no image of its own; all calls are quick."""
        self.service.move_clock({"mode": "real"})
        for name in story.CODE_FIRST:
            deployment = samples.deploy_sample(self.service, name, self.build_image)
            self._deployed.add(name)
            _say(name, output.limits(deployment.function))
        self.service.create_schedule(story.schedule())
        self.service.subscribe("task_failed", {"functionName": story.TELLER})

    def tell(self) -> None:
        """Makes the calls of the story as their times come, until it is interrupted.

        Raises `ServerUnreachable` where the server goes away.
        """
        for work in (self._build, self._visit):
            threading.Thread(target=work, daemon=True).start()
        began = self.clock.monotonic()
        for beat in story.beats():
            while self.clock.monotonic() - began < beat.at or self._is_crowded(beat):
                sleep(_PAUSE)
                self._require_server()
            self._make(beat)

    def _make(self, beat: Beat) -> None:
        if beat.function not in self._deployed:
            return
        if beat.why and beat.why not in self._told:
            self._told.add(beat.why)
            _say(beat.function, beat.why)
        if beat.kind is Kind.TASK:
            self.service.create_task(self._task(beat))
            return
        with suppress(queue.Full):
            self._visits.put_nowait(beat)

    def _task(self, beat: Beat) -> Json:
        body: Json = {"functionName": beat.function, "data": beat.data, "tags": ["story"]}
        if beat.priority:
            body["priority"] = beat.priority
        if beat.start_in:
            now = datetime.fromisoformat(self.service.clock()["now"].replace("Z", "+00:00"))
            body["startTimestamp"] = to_iso(now + timedelta(seconds=beat.start_in))
        return body

    def _is_crowded(self, beat: Beat) -> bool:
        """Whether the queue has to get shorter before the story goes on."""
        if beat.kind is not Kind.TASK:
            return False
        queued = self.service.status().get("tasks")
        return bool(queued and queued["new"] >= story.MOST_QUEUED)

    def _require_server(self) -> None:
        if not self.runs():
            raise ServerUnreachable("the server has ended")

    # On threads of their own

    def _build(self) -> None:
        """Deploys the function whose image has to be built, which takes as long as it takes."""
        name = story.IMAGE_LATER
        try:
            deployment = samples.deploy_sample(self.service, name, self.build_image)
        except TaskdockError as error:
            if self.runs():
                output.note(f"   {name} is left out: {error.message}")
            return
        _say(name, output.limits(deployment.function))
        self._deployed.add(name)
        with suppress(TaskdockError):
            self._make(story.WHEN_BUILT)

    def _visit(self) -> None:
        """Makes the calls that wait for an answer."""
        while True:
            beat = self._visits.get()
            with suppress(TaskdockError):  # also where it is the end; a refusal is on the page
                self._call(beat)

    def _call(self, beat: Beat) -> Any:
        if beat.kind is Kind.EXECUTION:
            return self.service.execute(beat.function, beat.data)
        if beat.kind is Kind.INVOCATION:
            path = f"/2015-03-31/functions/{beat.function}/invocations"
            return self.service.call("POST", path, {"data": beat.data})
        method, path = beat.request
        path = f"/tasks/v1/api/{beat.function}{path}"
        return self.service.call(method, path, beat.data if method == "POST" else None)


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
            """What is interrupted warns: that is shown if the end is not in order."""
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
        _say("", "stopped" if stopped else f"it ended with exit code {server.exit_code}")
        return stopped


def _introduce(url: str) -> None:
    page = f"{url}{DASHBOARD}"
    for name, where in (
        ("Dashboard", page),
        ("for a room", f"{page}?present=1"),
        ("Task Service", url),
    ):
        _say("", f"{name:<12}  {where}")
    _say("", "Ctrl-C ends it; nothing is left")


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


def _say(name: str, news: str) -> None:
    output.say(f"   {name.ljust(_WIDTH)}  {news}" if name else f"   {news}")
