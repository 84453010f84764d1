"""Taskdock: a server over HTTP, as a test uses it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from taskdock.client.connection import Sign
from taskdock.client.errors import WrongCall
from taskdock.client.servers import address, credentials
from taskdock.testing.client.access import HarnessAccess, ServerSession
from taskdock.testing.client.deploying import Files, FunctionDeployer, Source
from taskdock.testing.client.enqueued import ANY, DELTA, EnqueuedTasks, expected_of
from taskdock.testing.client.events import EventControl
from taskdock.testing.client.executions import ExecutionResult, execute
from taskdock.testing.client.schedules import ScheduleControl
from taskdock.testing.client.steering.clock import ClockControl
from taskdock.testing.client.steering.doubles import DoubleControl
from taskdock.testing.client.steering.faults import FaultControl
from taskdock.testing.client.steering.runs import RecordedRun, ReplayResult, RunControl
from taskdock.testing.client.tasks import TaskControl, TaskHandle
from taskdock.testing.values.times import Length, seconds_of

_T = TypeVar("_T", bound="Taskdock")


class Taskdock:
    """A server that runs, by its URL. For one thread at a time; close it, or use `with`.

    Every call raises `ServerUnreachable` where no server answers, `ServiceError` for what the
    server refuses (`MalformedCall`: it is wrong in itself), and `BadData` for what is no JSON.
    `NotSupported` says that a server cannot do this at all. Each length of time may be
    seconds, a `timedelta`, or a text such as "1h30m".
    """

    def __init__(self, url: str, *, signature: Sign | None = None) -> None:
        """`url`: such as http://localhost:8080, or localhost:8080. `signature`: signs each call;
        None: by the variables API_OAUTH_..., where API_HOST names this server. Raises `ValueError`
        for a URL that is none."""
        try:
            url = address.parse(url, "url")
        except WrongCall as error:
            raise ValueError(error.message) from None
        signature = signature or credentials.signature(url, os.environ)
        self._connect(url, signature, signs=signature is not None)

    def _connect(self, url: str, signature: Sign | None, *, signs: bool) -> None:
        self._access = HarnessAccess(url, signature, signs=signs)
        self._deployer = FunctionDeployer(self._access.service)
        self.clock = ClockControl(self._access)
        """The server's time."""
        self.tasks = TaskControl(self._access, self.clock)
        """Tasks: queue them, find them, wait for them."""
        self.schedules = ScheduleControl(self._access, self.clock)
        """Schedules."""
        self.events = EventControl(self._access)
        """Service events, such as a task that failed."""
        self.faults = FaultControl(self._access)
        """Faults: what goes wrong with functions."""
        self.doubles = DoubleControl(self._access)
        """Doubles: what is answered in place of other services."""
        self.runs = RunControl(self._access)
        """Runs: what was invoked, and what came of it."""
        self._enqueued = EnqueuedTasks(self._access, self.tasks, self.clock)

    @property
    def url(self) -> str:
        """The server's address: for the Task Service's SDK, or as the `endpoint_url` of boto3."""
        return self._access.url

    def close(self) -> None:
        """Gives up the connections; the server goes on."""
        self._access.close()

    def __enter__(self: _T) -> _T:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Functions

    def deploy(
        self,
        code: Source | Files | Sequence[Source],
        name: str = "",
        *,
        environment: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> list[str]:
        """Makes or changes functions, and returns their names.

        `code`: a folder with a task-config.json, a folder of such folders, a pattern of such paths
        ("tasks/*"), several of these; or the files of one function by their paths, which takes a
        `name`, and as `fields` its properties by the Task Service's names:
        `deploy({"main.py": ...}, "hello", entryPoint="main.handler", runtime="python3.11")`.
        `environment`: variables of the functions, which win over those of the files.

        A build that a folder's files name is run once in this process. Code that this object has
        sent before, and that is the same, is not sent again. Raises `BadTaskConfig`, `BuildFailed`,
        `BadPackage` and `ServiceError`.
        """
        if isinstance(code, Mapping):
            if not name:
                raise ValueError('files need a name: deploy({"main.py": ...}, "hello", ...)')
            if environment:
                variables = {key: {"value": value} for key, value in environment.items()}
                fields["environmentVariables"] = variables
            defaults = {"runtime": "python3.11", "entryPoint": "main.handler"}
            return [self._deployer.deploy_files(name, code, {**defaults, **fields})]
        if name or fields:
            given = ", ".join((*(["name"] if name else []), *fields))
            raise ValueError(f"{given}: the task-config.json says that; only files take it here")
        sources = [code] if isinstance(code, str | os.PathLike) else code
        return [
            deployed
            for source in sources
            for deployed in self._deployer.deploy(source, environment or {})
        ]

    @property
    def folders(self) -> dict[str, Path]:
        """The folder of the code of each function that was deployed from one, by its name."""
        return dict(self._deployer.folders)

    def execute(self, name: str, data: Any = None, *, check: bool = True) -> ExecutionResult:
        """Runs a function at once, and waits for it.

        Raises `UnknownFunction`, and `ExecutionFailed` where it fails; with `check=False` the
        failure is the `error` of what is returned.
        """
        return execute(self._access, self.tasks, name, data, check)

    def api(self, name: str) -> ServerSession:
        """A `requests.Session` for an API function: `api("shop").get("/items?limit=2")`."""
        return self._access.open_session(f"/tasks/v1/api/{name}")

    @property
    def session(self) -> ServerSession:
        """A `requests.Session` for this server that signs as the Task Service's SDK does (OAuth1):
        `session.get("/tasks/v1/")`. Raises `NotSupported` without credentials of the server."""
        return self._access.session()

    # Enqueued tasks

    def assert_enqueued(
        self,
        function: str,
        data: Any = ANY,
        *,
        start_in: Length | None = None,
        delta: Length = DELTA,
        tags: Sequence[str] | None = None,
        priority: int | None = None,
        count: int | None = None,
        within: Length = 0,
    ) -> TaskHandle:
        """Such a task waits to be run; returns the first one.

        `data`: the task's data are equal; for a part of them, `matching({...})`. `start_in`: it
        starts so long from now, `delta` earlier or later. `tags`: it has these, and perhaps others.
        `count`: there are exactly so many. `within`: real time until it has to be there.
        Raises `AssertionError`, which lists what is enqueued and what is different about it, and
        `UnknownFunction`.
        """
        expected = expected_of(
            function, data=data, start_in=start_in, delta=delta, tags=tags, priority=priority
        )
        return self._enqueued.require(expected, count=count, within=within)

    def refute_enqueued(
        self,
        function: str,
        data: Any = ANY,
        *,
        start_in: Length | None = None,
        delta: Length = DELTA,
        tags: Sequence[str] | None = None,
        priority: int | None = None,
        within: Length = 0,
    ) -> None:
        """No such task waits to be run; see `assert_enqueued`. `within`: real time
        in which none may come. Raises `AssertionError`, and `UnknownFunction`."""
        expected = expected_of(
            function, data=data, start_in=start_in, delta=delta, tags=tags, priority=priority
        )
        self._enqueued.refute(expected, within=within)

    def all_enqueued(self, function: str = "", data: Any = ANY) -> list[TaskHandle]:
        """The tasks that wait to be run, by their start; those of one function if it is named.
        Raises `UnknownFunction`."""
        return self._enqueued.all(expected_of(function, data=data) if function else None)

    # The server as a whole

    def reset(
        self, *, keep: Sequence[str] = (), grace: Length | None = None, mode: str | None = None
    ) -> dict[str, int]:
        """Removes tasks, schedules, events, doubles, faults and logs, and returns their numbers.
        Functions and warm environments stay.

        `keep`: what stays too, such as "doubles". `grace`: the time that what runs may take to end;
        then it is ended. `mode`: of the clock from then on.
        """
        wish = {
            "keep": list(keep) or None,
            "grace": None if grace is None else seconds_of(grace),
            "mode": mode,
        }
        given = {name: value for name, value in wish.items() if value is not None}
        return dict(self._access.call("POST", "/reset", given))

    def replay(self, run: RecordedRun | str | os.PathLike[str] | Mapping[str, Any]) -> ReplayResult:
        """Gives the event of a run to the newest code of its function, and compares the answers.

        `run`: a file that `taskdock runs save` has written, a run of this server, or its id.
        Raises `BadRecording` for a file that is none.
        """
        return self.runs.replay(run)
