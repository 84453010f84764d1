"""Builders: a taskdock on a FakeEngine as its callers see it, and what they send to it."""

from __future__ import annotations

import base64
import io
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
from flask import Flask

from emulator.base.errors import StorageError
from emulator.base.notices import Notice, Notices
from emulator.base.settings import Settings
from emulator.base.timing.clock import Clock
from emulator.base.timing.limits import Limits
from emulator.engines.images import Found
from emulator.lambdas.functions.function import Function
from emulator.server.app import Emulator
from emulator.store.database import Store
from emulator.testing.clock import ManualClock
from emulator.web.access.admission import Openness
from emulator.web.task_api.app import create_app
from tests.support.answers import watched
from tests.support.fake_engine import FakeEngine, FakeProgram, Handler, serve

Json = dict[str, Any]
T = TypeVar("T")

FINAL = ("complete", "failed", "retried", "canceled")
DATABASE = "taskdock.db"
PASSWORD_COST = 2**7  # half of what a first start costs is the hash of a password
LIMIT = 30.0  # seconds that anything here may take, on a machine that has much else to do
_POLL = 0.005


def eventually(
    condition: Callable[[], T | None],
    limit: float = LIMIT,
    state: Callable[[], object] | None = None,
) -> T:
    """The first true value of `condition`; after `limit` seconds a failure that shows `state`."""
    end = time.monotonic() + limit
    while not (value := condition()):
        if time.monotonic() > end:
            shown = "" if state is None else f"; the state is {state()}"
            pytest.fail(f"this did not come true within {limit} s: {value!r}{shown}")
        time.sleep(_POLL)
    return value


def zip_of(files: Mapping[str, str | bytes]) -> bytes:
    """A zip of files that everyone may read: by itself, Python's has them for their owner alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3  # Unix: without it the mode means nothing
            entry.external_attr = (0o040755 if name.endswith("/") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def new_function(name: str = "walnut-table", **fields: Any) -> Json:
    """The body that creates a function; a field of None is left out."""
    body = {
        "name": name,
        "code": base64_of(zip_of({"index.py": "def handler(event, context): ...\n"})),
        "entryPoint": "index.handler",
        "runtime": "python3.11",
        **fields,
    }
    return {key: value for key, value in body.items() if value is not None}


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


class Dock:
    """One server, by default with a place for every task, and nothing frozen or in stock."""

    def __init__(
        self,
        data_dir: Path,
        *,
        engine: FakeEngine | None = None,
        clock: Clock | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        give_up: Callable[[str], object] = lambda _: None,
        **settings: Any,
    ) -> None:
        self.engine = engine or FakeEngine()
        self.clock = clock
        if not (data_dir / DATABASE).exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            (data_dir / DATABASE).write_bytes(_new_database())
        if limits.password_cost == Limits().password_cost:
            limits = replace(limits, password_cost=PASSWORD_COST)
        settings = {"freeze_after": 3600.0, "stop_grace": 5.0, "prewarm": 0, **settings}
        self.emulator = Emulator(
            Settings(port=0, data_dir=data_dir, **settings),
            engine=self.engine,
            image_of=self._image_of,
            clock=clock,
            limits=limits,
            give_up=give_up,
        )
        self.pool = self.emulator.pool
        self.notices = recorded(self.emulator.notices)
        self.emulator.start()
        self._stopped = False

    def stop(self, grace: float = 0.0) -> None:
        self.engine.let_go()
        if not self._stopped:
            self._stopped = True
            self.emulator.stop(grace)

    def crash(self) -> None:
        """As if its process had been killed: it takes no task, and writes nothing any more."""
        self.emulator.foundation.store.refuse(StorageError("this server has crashed"))
        tasks = self.emulator.tasks
        for loop in (
            *(tasks.scheduler, tasks.webhook_sender, tasks.retention),
            *(tasks.dispatcher, tasks.worker),
        ):
            loop.stop()
        self.emulator.foundation.folder.close()

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
        return str(_ok(self.post("/", {"functionName": function, **fields}))["id"])

    def execute(self, function: str = "walnut-table", data: Any = None) -> requests.Response:
        return self.post(f"/functions/{function}/execute", {"data": data})

    def task(self, task_id: str) -> Json:
        found: list[Json] = _ok(self.get(f"/?eq(id,{task_id})"))["data"]
        return found[0]

    def logs(self, task_id: str) -> list[str]:
        """Every line of a task, but for the one that tells that its environment starts."""
        return [line for line in self.all_logs(task_id) if not line.startswith("INIT_START ")]

    def all_logs(self, task_id: str) -> list[str]:
        lines: list[str] = []
        while True:
            response = self.get(f"/{task_id}/logs?limit(1000,{len(lines)})")
            page = [] if _has_no_logs(response) else _ok(response)["data"]
            lines += [line["message"] for line in page]
            if len(page) < 1000:
                return lines

    # What tests arrange and wait for

    def deploy(self, handler: Handler, name: str = "walnut-table", **fields: Any) -> None:
        """A function whose containers answer with `handler`."""
        self.deploy_program(serve(handler), name, **fields)

    def deploy_program(
        self, program: FakeProgram, name: str = "walnut-table", **fields: Any
    ) -> None:
        self.engine.programs[name] = program
        _ok(self.post("/functions/", new_function(name, entryPoint=name, **fields)))

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

    def advance(self, seconds: float) -> None:
        """Lets time pass on the manual clock; returns when all loops that run have seen it."""
        assert isinstance(self.clock, ManualClock), "this needs a ManualClock"
        self.clock.advance(seconds)

    def eventually(self, condition: Callable[[], T | None]) -> T:
        return eventually(condition, state=self.state)

    def state(self) -> Json:
        return {
            "tasks": self.get("/?limit(50)").json()["data"],
            "environments": self.pool.snapshot(),
            "containers": [c.spec.name for c in list(self.engine.containers.values())],
            "notices": self.notices[-20:],
        }

    def states(self) -> list[str]:
        """The states of all environments."""
        return sorted(slot.state.value for slot in self.pool.snapshot())

    @staticmethod
    def _image_of(function: Function) -> Found:
        return Found(function.image or "fake")


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
    return create_app(
        service=unused,
        catalog=unused,
        timetable=unused,
        events=unused,
        names=unused,
        architecture="x86_64",
        concurrency=1,
        api_requests=unused,
        directory=directory,
        openness=Openness(strict=True),
        health=dict,
        status=dict,
        notices=Notices(),
    )


class Gate:
    """Where a handler waits until the test lets it go on."""

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


def _has_no_logs(response: requests.Response) -> bool:
    return response.status_code == 400 and response.json()["name"] == "NO_TASK_LOGS_FOUND"


def _ok(response: requests.Response) -> Json:
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body
