"""Builders: a taskdock on a FakeEngine as its callers see it, and requests to it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import requests
from flask import Flask

from taskdock.base.notices import Notice, Notices
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.lambdas.functions.images_in_use import ImageOf
from taskdock.server.app import Emulator
from taskdock.store.database import Store
from taskdock.testing.dock import ServerHere
from taskdock.testing.fakes.engine import FakeEngine, fake_image_of
from taskdock.testing.in_this_process import PASSWORD_COST
from taskdock.web.access.admission import Openness
from taskdock.web.access.authentication import Guard
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.lambda_api.app import LambdaApi
from taskdock.web.public.app import create_app
from taskdock.web.task_api.api import TaskApi
from taskdock.web.ui.dashboard import Dashboard
from tests.support.answers import watched
from tests.support.live import TaskService

Json = dict[str, Any]

FINAL = ("complete", "failed", "retried", "canceled")
DATABASE = "taskdock.db"

LIMIT = 30.0  # seconds that anything here may take, on a machine that has much else to do


def summary(response: requests.Response) -> tuple[int, int]:
    """The HTTP status and the service's code of a refusal."""
    body = response.json()
    assert set(body) >= {"code", "name", "message"}, body
    return response.status_code, body["code"]


def recorded(notices: Notices) -> list[tuple[str, Json]]:
    """A list that gets the name and the facts of every notice that is published from now on."""
    found: list[tuple[str, Json]] = []
    notices.subscribe(Notice, lambda notice: found.append((notice.name, notice.facts)))
    return found


class Dock(ServerHere):
    """One server on a FakeEngine, by default with a place for every task, and nothing frozen or
    prewarmed. It serves already."""

    def __init__(
        self,
        data_dir: Path,
        *,
        engine: FakeEngine | None = None,
        image_of: ImageOf = fake_image_of,
        clock: Clock | None = None,
        work_clock: Clock | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        give_up: Callable[[str], object] = lambda _: None,
        **settings: Any,
    ) -> None:
        if not (data_dir / DATABASE).exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            (data_dir / DATABASE).write_bytes(_new_database())
        if limits.password_cost == Limits().password_cost:
            limits = replace(limits, password_cost=PASSWORD_COST)
        settings = {
            "port": 0,
            "keep_days": 30.0,
            "freeze_after": 3600.0,
            "stop_grace": 5.0,
            "prewarm": 0,
            **settings,
        }
        emulator = Emulator(
            Settings(**{"port": 0, "data_dir": data_dir, **settings}),
            engine=engine or FakeEngine(),
            image_of=image_of,
            clock=clock,
            work_clock=work_clock,
            limits=limits,
            give_up=give_up,
        )
        super().__init__(emulator, TaskService(emulator.url))
        self.clock = clock
        self.notices = recorded(emulator.notices)
        self.start()

    deploy = ServerHere.deploy_handler

    # What callers do

    def call(
        self, method: str, path: str, *, base: str = "/tasks/v1", **options: Any
    ) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            url = f"{self.emulator.url}{base}{path}"
            return watched(session.request(method, url, timeout=60, **options))

    def get(self, path: str) -> requests.Response:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.call("POST", path, json=body)

    def put(self, path: str, body: Any) -> requests.Response:
        return self.call("PUT", path, json=body)

    def create_task(self, function: str = "walnut-table", /, **fields: Any) -> str:
        """The id of a new task."""
        return str(self.service.post("/", {"functionName": function, **fields})["id"])

    def execute(self, function: str = "walnut-table", data: Any = None) -> requests.Response:
        return self.post(f"/functions/{function}/execute", {"data": data})

    def task(self, task_id: str) -> Json:
        return self.service.task(task_id)

    def logs(self, task_id: str) -> list[str]:
        """Every line of a task, but for the one that tells that its environment starts."""
        return self.service.log(task_id)

    def all_logs(self, task_id: str) -> list[str]:
        return self.service.whole_log(task_id)

    # What tests arrange and wait for

    def shorten(self, name: str = "walnut-table", *, time_limit: int) -> None:
        """Gives a function a time limit of less than the 3 seconds that the API allows."""
        self.emulator.catalog.update(name, time_limit=time_limit)

    def status(self, task_id: str) -> str:
        return str(self.task(task_id)["status"])

    def reach(self, task_id: str, *statuses: str) -> Json:
        """The task, once it has one of `statuses`."""

        def reached() -> Json | None:
            task = self.task(task_id)
            return task if task["status"] in statuses else None

        return self.eventually(reached)

    def finish(self, task_id: str) -> Json:
        return self.reach(task_id, *FINAL)

    def states(self) -> list[str]:
        """The states of all environments."""
        return sorted(slot.state.value for slot in self.pool.snapshot())


StartDock = Callable[..., Dock]


@cache
def _new_database() -> bytes:
    """A database with nothing in it: making its tables anew for each server would take longer."""
    with tempfile.TemporaryDirectory() as folder:
        Store(Path(folder) / DATABASE).close()
        return (Path(folder) / DATABASE).read_bytes()


def app_of(directory: Any) -> Flask:
    """The public application with nothing behind its endpoints, for who looks at those alone."""
    unused: Any = None
    # Pages take hold of parts of parts.
    harness = HarnessApi(**{field.name: Mock() for field in fields(HarnessApi)})
    parts = {field.name: unused for field in fields(Dashboard)} | {"harness": harness}
    return create_app(
        report=unused,
        tasks=TaskApi(unused, unused, unused, unused, unused, unused),
        aws=LambdaApi(unused, unused, "x86_64", 1),
        guard=Guard(directory, Openness(strict=True)),
        harness=harness,
        dashboard=Dashboard(**parts),
        notices=Notices(),
    )


class Gate:
    """A gate at which a handler waits until the test opens it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.waiting = 0
        self.opened = threading.Event()

    def pass_(self, runtime: Any) -> None:
        with self._lock:
            self.waiting += 1
        runtime.wait_for(self.opened)

    def open(self) -> None:
        self.opened.set()
