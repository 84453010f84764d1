"""Dock: a server in this process, and what a test does with it.

`ServerHere` has the parts that only a server in this process has; `Dock` is that, and a `Taskdock`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from taskdock.base.errors import StorageError
from taskdock.base.notices import Notice
from taskdock.base.timing.harness_clock import HarnessClock
from taskdock.client.servers import credentials
from taskdock.engines.engine import Engine
from taskdock.lambdas.pool.pool import Pool
from taskdock.server.app import Emulator
from taskdock.testing.client.deploying import Files, Source
from taskdock.testing.client.taskdock import Taskdock
from taskdock.testing.fakes.engine import FakeEngine
from taskdock.testing.fakes.runtime import FakeProgram, Handler, serve
from taskdock.testing.task_client import Json, TaskClient
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of, zip_of

T = TypeVar("T")

_NAME = "walnut-table"
_NEVER_RUN = zip_of({"index.py": "def handler(event, context): ...\n"})


class ServerHere:
    """A server in this process, with its parts."""

    def __init__(self, emulator: Emulator, client: TaskClient | None = None) -> None:
        """`emulator` is not started yet. `client`: another one than plain HTTP to the server."""
        self.emulator = emulator
        self.service = client or TaskClient(emulator.url)
        """The Task Service over HTTP."""
        self.published: list[Notice] = []
        """All notices of the server, the oldest first."""
        emulator.notices.subscribe(Notice, self.published.append)

    @property
    def url(self) -> str:
        """The server's address: for the Task Service's SDK, or as the `endpoint_url` of boto3."""
        return self.emulator.url

    @property
    def engine(self) -> Engine:
        return self.emulator.foundation.engine

    @property
    def fake(self) -> FakeEngine:
        """The engine. Raises `AssertionError` where that is a real one."""
        engine = self.engine
        assert isinstance(engine, FakeEngine), "this needs a FakeEngine"
        return engine

    @property
    def pool(self) -> Pool:
        """The environments."""
        return self.emulator.pool

    def start(self) -> None:
        """Raises what `Emulator.start` raises, and holds nothing then."""
        self.emulator.start()

    def stop(self, grace: float = 0.0) -> None:
        """Ends the server; what runs has `grace` seconds to finish. Again is harmless."""
        if isinstance(self.engine, FakeEngine):
            self.engine.let_go()
        self.emulator.stop(grace)

    def crash(self) -> None:
        """As if the process had been killed: the server takes no task, and writes nothing more. The
        data folder is free for another server; `stop` ends what is left of this one."""
        foundation, tasks = self.emulator.foundation, self.emulator.tasks
        foundation.store.refuse(StorageError("this server has crashed"))
        for loop in (
            *(tasks.scheduler, tasks.webhook_sender, tasks.retention),
            *(tasks.dispatcher, tasks.worker),
        ):
            loop.stop()
        foundation.folder.close()

    # Functions on a fake engine

    def deploy_handler(self, handler: Handler, name: str = _NAME, **fields: Any) -> list[str]:
        """Makes a function whose fake containers answer each event with what
        `handler(event, runtime)` returns or raises. `fields`: of the function, by the Task
        Service's names; one of None is left out."""
        self.deploy_program(serve(handler), name, **fields)
        return [name]

    def deploy_program(self, program: FakeProgram, name: str = _NAME, **fields: Any) -> None:
        """Makes a function of a whole program, which polls the Runtime API itself."""
        self.fake.programs[name] = program
        self.service.post("/functions/", new_function(name, entryPoint=name, **fields))

    # Time and waiting

    def jump(self, seconds: float) -> None:
        """Lets time pass at one stroke: see `HarnessClock.jump`. Returns when each loop has done
        what was due then."""
        clock = self.emulator.foundation.clock
        assert isinstance(clock, HarnessClock), "this needs a HarnessClock"
        clock.jump(seconds)

    def eventually(self, condition: Callable[[], T | None], what: str = "") -> T:
        """The first true value of `condition`; a failure shows the server's state."""
        return eventually(condition, what, state=self.state)

    def state(self) -> Json:
        """The state of the server, to be shown where a test fails."""
        return {
            "tasks": self.service.tasks(),
            "environments": self.pool.snapshot(),
            "notices": [(notice.name, notice.facts) for notice in self.published[-20:]],
        }


class Dock(ServerHere, Taskdock):
    """A `Taskdock` whose server is in this process. `running` makes one, and ends it."""

    def start(self) -> None:
        super().start()
        settings, data = self.emulator.settings, self.emulator.foundation.data
        signature = credentials.signature(self.url, credentials.read(data))
        signs = settings.auth == "strict"
        self._connect(self.url, signature, signs=signs)
        if signs:
            self.service = TaskClient(self.url, signature=signature)

    def stop(self, grace: float = 0.0) -> None:
        self.close()
        super().stop(grace)

    def deploy(
        self,
        code: Handler | Source | Files | Sequence[Source],
        name: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> list[str]:
        """As `Taskdock.deploy`. On a `FakeEngine`, `code` may also be a function of this process:
        `handler(event, runtime)` answers each event with what it returns or raises; without a
        `name`, it is walnut-table."""
        if callable(code):
            return self.deploy_handler(code, name or _NAME, **fields)
        return super().deploy(code, name, environment=environment, **fields)


def new_function(name: str = _NAME, **fields: Any) -> Json:
    """The body that creates a function, whose code nobody runs; a field of None is left out."""
    body = {
        "name": name,
        "code": base64_of(_NEVER_RUN),
        "entryPoint": "index.handler",
        "runtime": "python3.11",
        **fields,
    }
    return {key: value for key, value in body.items() if value is not None}
