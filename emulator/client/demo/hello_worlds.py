"""The demo in a terminal: deploys three samples, runs each as a task, and shows the results.

It starts a server of its own, unless it is given the URL of one.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

import click

from taskdock.base.errors import EngineError, TaskdockError
from taskdock.base.machine import threads
from taskdock.base.timing.clock import Clock
from taskdock.client import follow
from taskdock.client.api import FUNCTION_FAILED, Json, TaskService
from taskdock.client.console import output, progress
from taskdock.client.demo import samples
from taskdock.client.demo.samples import BuildImage
from taskdock.client.errors import NotStarted, ServerUnreachable, ServiceError
from taskdock.client.servers import credentials
from taskdock.client.servers.local_server import LocalServer

SAMPLES = ("hello-world-javascript", "hello-world-python", "hello-world-docker")
DATA = {"name": "Ada"}

# Long, because the first run may pull or build an image for each runtime.
_SECONDS_TO_RUN = 1800
_PAUSE = 0.05
# The log of a sample that failed is cut to its end, so that a traceback does not fill the screen.
_LINES_OF_FAILED = 3
_WIDTH_OF_FAILED = 100
_WIDTH = max(map(len, SAMPLES))

_DURATION = re.compile(r"(?<!Billed )(?<!Init )\bDuration: ([\d.]+ ms)")
_MEMORY = re.compile(r"Max Memory Used: (\d+ MB)")


class Demo:
    """The demo's steps on a running server, each announced on stdout."""

    def __init__(
        self, service: TaskService, *, clock: Clock, build_image: Callable[[Path], str]
    ) -> None:
        self._service = service
        self._clock = clock
        self._build_image = build_image

    def run(self) -> bool:
        """Runs all steps. Returns whether every sample became `complete`."""
        _step("2. Deploy the samples")
        for name in SAMPLES:
            self._deploy(name)
        _step("3. Create a task for each, and wait")
        created = [
            self._service.create_task({"functionName": name, "data": DATA}) for name in SAMPLES
        ]
        ended = self._wait_for(created)
        _step("4. See what became of them")
        for task in ended:
            self._show(task)
        failed = [task for task in ended if task["status"] != "complete"]
        for line in diagnosis(failed):
            output.say(line)
        return not failed

    def _deploy(self, name: str) -> None:
        if samples.needs_image(name):
            _say(name, "building its image")
        deployment = samples.deploy_sample(self._service, name, self._build_image)
        _say(name, f"{deployment.action} ({output.limits(deployment.function)})")

    def _wait_for(self, created: Sequence[Json]) -> list[Json]:
        """The tasks in their last known state: all final, unless the time limit has passed."""
        started = self._clock.monotonic()
        tasks = {str(task["id"]): task for task in created}
        for task in created:
            _say(task["functionName"], task["status"])
        while any(task["status"] not in follow.FINAL for task in tasks.values()):
            passed = self._clock.monotonic() - started
            if passed > _SECONDS_TO_RUN:
                _say("", f"gave up after {_SECONDS_TO_RUN} s")
                break
            for task_id, before in tasks.items():
                now = self._service.task(task_id)
                if now["status"] != before["status"]:
                    _say(now["functionName"], f"{now['status']} after {passed:.1f} s")
                tasks[task_id] = now
            sleep(_PAUSE)
        return list(tasks.values())

    def _show(self, task: Json) -> None:
        terminal = sys.stdout.isatty()
        lines = [
            output.message(str(line["message"]), terminal=terminal) for line in self._logs(task)
        ]
        duration, memory = measured(lines)
        good = task["status"] == "complete"
        output.say(click.style(f"\n   {task['functionName']}", bold=True))
        output.say("   status    " + click.style(task["status"], fg="green" if good else "red"))
        output.say(f"   duration  {duration or 'unknown'}")
        output.say(f"   memory    {memory or 'unknown'}")
        if task.get("error"):
            output.say(f"   error     {shortened(_error(task))}")
        for line in lines if good else map(shortened, lines[-_LINES_OF_FAILED:]):
            output.say(click.style("   log       ", dim=True) + line.replace("\t", "  "))
        if good:
            output.say(f"   result    {output.as_text(self._result(task['functionName']))}")

    def _logs(self, task: Json) -> list[Json]:
        return list(self._service.logs(task["id"])) if task["status"] in follow.ENDED else []

    def _result(self, name: str) -> Any:
        """The result of a direct execution: the service keeps no result of a queued task."""
        try:
            return self._service.execute(name, DATA).get("result")
        except ServiceError as error:
            if error.code != FUNCTION_FAILED:
                raise
            return error.answer["runtimeError"]


def run(
    *,
    url: str | None,
    server_command: Sequence[str],
    data_dir: Path,
    build_image: BuildImage,
    clock: Clock,
) -> bool:
    """Runs the demo on the server at `url`, or on a server that is started for the demo.

    Returns whether all samples became `complete` and that server stopped. Raises `TaskdockError`.
    """
    output.say(
        click.style("taskdock demo: a task on each of three Lambda functions, offline", bold=True)
    )
    with progress.shown() as show:
        build = partial(build_image, show=show)
        if url is not None:
            _step("1. Use the server that is there")
            with _calling(url) as service:
                return Demo(service, clock=clock, build_image=build).run()
        _step("1. Start a server")
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, leave)  # raises an exception, so that the server is stopped
        ahead = _build_ahead(build)
        server = LocalServer(server_command, data_dir=data_dir, clock=clock, on_line=show)
        try:
            with server, _calling(server.url) as service:
                _say("", f"it keeps its files in {data_dir}")
                complete = Demo(
                    service, clock=clock, build_image=lambda folder: ahead[folder.name]()
                ).run()
                _step("5. Stop the server")
        except ServerUnreachable as error:
            code = f"it ended with exit code {server.exit_code}"
            raise TaskdockError(f"the demo's server went away; {code}\n{advice()}") from error
        except (EngineError, NotStarted) as error:
            raise TaskdockError(f"{error.message}\n{advice()}") from error
        stopped = server.exit_code == 0
        _say("", "stopped" if stopped else f"it ended with exit code {server.exit_code}")
        return complete and stopped


def _build_ahead(build: Callable[[Path], str]) -> dict[str, Callable[[], str]]:
    """Begins to build the samples' images while the server starts. By sample: a function that waits
    for the image's tag."""
    return {
        name: threads.begin(partial(build, samples.folder_of(name)), name=f"image {name}")
        for name in filter(samples.needs_image, SAMPLES)
    }


def measured(lines: Sequence[str]) -> tuple[str | None, str | None]:
    """Duration and memory from the log's REPORT line, with their units; None: not in the log."""
    report = next((line for line in lines if line.startswith("REPORT ")), "")
    duration, memory = _DURATION.search(report), _MEMORY.search(report)
    return duration and duration[1], memory and memory[1]


def diagnosis(failed: Sequence[Json]) -> list[str]:
    """Lines that say each error once, with the samples that failed with it, and then the advice."""
    if not failed:
        return []
    names: dict[str, list[str]] = {}
    for task in failed:
        names.setdefault(_error(task), []).append(task["functionName"])
    reasons = [f"{', '.join(samples)}: {error}" for error, samples in names.items()]
    return ["", *reasons, advice()]


def advice() -> str:
    """A line that names `taskdock doctor`, with the path by which taskdock was called."""
    called = sys.argv[0] if Path(sys.argv[0]).name == "taskdock" else "taskdock"
    return f"What is wrong with this machine, and how to mend it, says: {called} doctor"


def shortened(text: str) -> str:
    """The first line of the text, cut to 100 characters."""
    first = text.strip().partition("\n")[0]
    return first if len(first) <= _WIDTH_OF_FAILED else f"{first[:_WIDTH_OF_FAILED]}..."


def _error(task: Json) -> str:
    error = task.get("error")
    if error:
        return f"{error['name']}: {error['message']}"
    return f"it was still {task['status']} after {_SECONDS_TO_RUN} s"


@contextmanager
def _calling(url: str) -> Iterator[TaskService]:
    service = TaskService(url, credentials.signature(url, os.environ))
    try:
        service.health()
        _say("", f"Task Service at {url}")
        yield service
    finally:
        service.close()


def leave(number: int, _: object) -> None:
    sys.exit(128 + number)


def _step(title: str) -> None:
    output.say(click.style(f"\n{title}", fg="cyan", bold=True))


def _say(name: str, news: str) -> None:
    output.say(f"   {name.ljust(_WIDTH)}  {news}" if name else f"   {news}")
