"""SuiteServer: a server that serves one test of a session after the other."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.client.api import TaskService
from taskdock.client.connection import Sign
from taskdock.client.errors import ServerUnreachable, ServiceError
from taskdock.client.execution import variables
from taskdock.client.servers import credentials
from taskdock.testing.client.taskdock import Taskdock
from taskdock.testing.plugin.source_paths import SourcePaths
from taskdock.testing.plugin.wanted import Wanted, WrongTestSetting
from taskdock.testing.values.errors import NotSupported
from taskdock.testing.waiting import eventually

Json = dict[str, Any]

_SECONDS_FOR_EVIDENCE = 10.0
_SECONDS_TO_SETTLE = 1.0
_MOST_RUNS = 200
_MOST_TASKS = 50
_MOST_LOGS = 10
_MOST_LINES = 100


class _UnsignedTaskdock(Taskdock):
    """Of a server that takes calls without credentials: a signature would cost time, and be refused
    where a test has frozen its own."""

    def __init__(self, url: str, signature: Sign | None) -> None:
        self._connect(url, signature, signs=False)


class SuiteServer:
    """A server that runs. `url` is its address, and `taskdock` all that a test does with it."""

    is_own = False
    """Whether this session has started it."""

    def __init__(self, url: str, found: Mapping[str, str], *, signs: bool = True) -> None:
        """`found`: API_HOST and the API_OAUTH_ variables, as far as they are known. `signs`: each
        call is signed by them, not sessions alone."""
        signature = credentials.signature(url, found)
        self.taskdock = (
            Taskdock(url, signature=signature) if signs else _UnsignedTaskdock(url, signature)
        )
        self._found = dict(found)
        self._service = TaskService(url, signature if signs else None)
        self._deployed: dict[Path, list[str]] = {}
        self._deployed_from: dict[str, Path] = {}
        self._revisions: dict[str, str] = {}
        self._clock_stays: str | None = None
        """Why the clock cannot be switched; empty where it can, None: it was not tried."""
        self.not_reset = ""
        """Why this server cannot be reset; empty where it can."""
        self.remarks: list[str] = []
        """Sentences for the end of the session."""

    @property
    def url(self) -> str:
        return self.taskdock.url

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the environment that lead another program to this server: TASKDOCK_URL,
        API_HOST, AWS_ENDPOINT_URL_LAMBDA and others."""
        return variables.of_server({"API_HOST": self.url, **self._found}, os.environ)

    @property
    def runs(self) -> bool:
        """False: its process has ended, though nobody has asked it to."""
        return True

    def last_words(self) -> str:
        """The lines that its process wrote last; empty for a server that is not of this session."""
        return ""

    def close(self) -> None:
        self.taskdock.close()
        self._service.close()

    # Between tests

    def prepare(self, wanted: Wanted) -> None:
        """Makes it as new for a test: of the test before, nothing is left but functions and their
        warm environments, and the functions of this test are there.

        Raises `NotSupported`, `WrongTestSetting` for a function that cannot be deployed, and what
        a call of a server raises.
        """
        self._reset(wanted)
        self._provide(wanted.functions)

    def _reset(self, wanted: Wanted) -> None:
        mode = self._mode(wanted)
        if not self.not_reset:
            try:
                self.taskdock.reset(mode=mode)
            except NotSupported as error:
                if self.is_own:
                    raise
                self.not_reset = str(error)

    def _mode(self, wanted: Wanted) -> str | None:
        """Of the clock; None: it stays as it is, because a test that did not ask for a clock gets
        the one that is there. Raises `NotSupported` where a test did ask."""
        if self._clock_stays is None:
            try:
                self.taskdock.clock.switch(wanted.clock)
                self._clock_stays = ""
            except NotSupported as error:
                self._clock_stays = str(error)
        if not self._clock_stays:
            return wanted.clock
        if "clock" in wanted.asked:
            raise NotSupported(self._clock_stays)
        return None

    def _provide(self, sources: Sequence[Path]) -> None:
        """Deploys the functions that are not there as they were deployed: a test may have changed
        or removed them, or another test has one of the same name."""
        there = self._there() if sources else {}
        names = {name: source for source in sources for name in self._names(source)}
        for source in dict.fromkeys(names.values()):
            for name in self._deployed[source]:
                is_other = self._deployed_from[name] != source and names[name] == source
                if is_other or self._revisions[name] != there.get(name):
                    self._deploy(source)
                    break

    def _names(self, source: Path) -> list[str]:
        if source not in self._deployed:
            self._deploy(source)
        return self._deployed[source]

    def _deploy(self, source: Path) -> None:
        try:
            names = self.taskdock.deploy(source)
        except ServerUnreachable:
            raise
        except TaskdockError as error:
            raise WrongTestSetting(f"{source} cannot be deployed: {error.message}") from None
        there = self._there()
        self._deployed[source] = names
        for name in names:
            self._deployed_from[name] = source
            self._revisions[name] = there.get(name, "")

    def _there(self) -> dict[str, str]:
        """The revision of each function that the server has. Times would not do: they may stand
        still."""
        found: dict[str, str] = {}
        query = "MaxItems=10000"
        while True:
            answer = self._service.call("GET", f"/2015-03-31/functions/?{query}")
            for one in answer["Functions"]:
                found[one["FunctionName"]] = one["RevisionId"]
            if not answer.get("NextMarker"):
                return found
            query = f"MaxItems=10000&Marker={answer['NextMarker']}"

    # After a test

    def last_run(self) -> int:
        """The number of the latest run; 0 where the server keeps none."""
        try:
            return self.taskdock.runs.last
        except NotSupported:
            return 0

    def last_task(self) -> str:
        """When the latest task was made; empty where there is none."""
        found = self._ask("/tasks/v1/?sort(-creationTimestamp,-id)&limit(1)")
        return str(found[0]["creationTimestamp"]) if found else ""

    def tasks_and_runs(self, since: int) -> tuple[list[Json], list[Json]]:
        """The newest tasks, and the runs after that number, as the server shows them. A task whose
        run is not kept has its `log`, a list of lines."""
        self._settle()
        query = f"sort(-creationTimestamp,-id)&limit({_MOST_TASKS})"
        tasks = self._ask(f"/tasks/v1/?{query}")[::-1]
        try:
            runs = self._ask(f"/taskdock/runs?since={since}&limit={_MOST_RUNS}")
        except ServiceError:  # an older server, or one whose harness is off
            runs = []
        known = {run.get("taskId") for run in runs}
        without = [task for task in tasks if task["id"] not in known and task["status"] != "new"]
        for task in without[-_MOST_LOGS:]:
            with suppress(ServiceError):  # it has written none
                lines = self._ask(f"/tasks/v1/{task['id']}/logs?limit({_MOST_LINES})")
                task["log"] = [line["message"] for line in lines]
        return tasks, runs

    def _settle(self) -> None:
        """Waits for what has answered already and still writes its log. A task that runs on
        for longer is shown as it is."""
        with suppress(ServiceError, AssertionError):
            eventually(
                lambda: not self._service.call("GET", "/taskdock/clock")["running"],
                within=_SECONDS_TO_SETTLE,
            )

    def unmatched_calls(self) -> list[Json]:
        """The calls to other services that no double has answered."""
        try:
            return self._ask("/taskdock/doubles/calls?unmatched=true")
        except ServiceError:  # an older server, or one whose harness is off
            return []

    def _ask(self, path: str) -> list[Json]:
        found: list[Json] = self._service.call("GET", path, seconds=_SECONDS_FOR_EVIDENCE)["data"]
        return found

    def advice(self, root: Path, run: Json, unmatched: Sequence[Json]) -> list[str]:
        """The place of a run's error in the author's code, and what helps, in lines."""
        from taskdock.client.failures.block import advice, place  # noqa: PLC0415 - late: of failures
        from taskdock.client.failures.gathering import gather_of_run  # noqa: PLC0415

        folder = self.taskdock.folders.get(run["functionName"])
        failed = gather_of_run(self._service, run, unmatched, folder=folder, root=root)
        return [*place(failed), *advice(failed)]

    def paths(self, root: Path, function: str) -> SourcePaths:
        return SourcePaths(self.taskdock.folders.get(function), root)
