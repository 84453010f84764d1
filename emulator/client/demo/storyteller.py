"""The storyteller: makes the calls of the story on a running server, each at its time."""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.base.machine import threads
from taskdock.base.timing.clock import Clock, to_iso
from taskdock.client.api import Json, TaskService
from taskdock.client.console import output
from taskdock.client.demo import samples, story
from taskdock.client.demo.story import Beat, CallKind
from taskdock.client.errors import ServerUnreachable

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
        # It has stood still since the server's start, and is to show the machine's time.
        self.service.move_clock({"moveTo": to_iso(self.clock.now())})
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
        threads.start(self._build, name="image")
        threads.start(self._visit, name="visitor")
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
        if beat.kind is CallKind.TASK:
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
        if beat.kind is not CallKind.TASK:
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
        if beat.kind is CallKind.EXECUTION:
            return self.service.execute(beat.function, beat.data)
        if beat.kind is CallKind.INVOCATION:
            path = f"/2015-03-31/functions/{beat.function}/invocations"
            return self.service.call("POST", path, {"data": beat.data})
        method, path = beat.request
        path = f"/tasks/v1/api/{beat.function}{path}"
        return self.service.call(method, path, beat.data if method == "POST" else None)


def _say(name: str, news: str) -> None:
    output.say(f"   {name.ljust(_WIDTH)}  {news}")
