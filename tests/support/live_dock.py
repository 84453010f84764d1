"""Functions in real containers, called in process: the answers of AWS's Invoke API, and the log.

A whole server runs, so that the same functions can be called through the Task Service, too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from taskdock.base import ids
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import SystemClock
from taskdock.engines.docker.client import connect
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.locate import find_engine
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.invoker import Invoker
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.outcome import Answer, Failure, Outcome
from taskdock.server.app import Emulator
from taskdock.testing.in_this_process import running
from taskdock.testing.waiting import eventually
from tests.support.live import TaskService, zipped

_PATIENCE = 60.0  # seconds

_PYTHON = '''"""Does what its event says."""

import ctypes, json, logging, os, signal, sys, threading, time

been = 0
kept = {}


def handler(event, context):
    global been
    been += 1
    if event == "fail":
        raise Exception("Handler fails")
    scope = {**globals(), "context": context, "result": None}
    exec(event.get("data", event)["run"], scope)
    return scope["result"]
'''

_NODE = """const Code = Object.getPrototypeOf(async () => {}).constructor;
const kept = {};
let been = 0;

exports.handler = async (event, context) => {
  been += 1;
  if (event === 'fail') throw new Error('Handler fails');
  const { run } = event.data ?? event;
  return await new Code('been', 'kept', 'context', 'require', run)(been, kept, context, require);
};
"""

_BASH = """#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while event=$(curl -sS -D /tmp/head "$api/next"); do
  id=$(sed -n 's/\\r//; s/^lambda-runtime-aws-request-id: //Ip' /tmp/head)
  result=null
  eval "$event"
  curl -sS -o /dev/null "$api/$id/response" -d "$result"
done
"""


@dataclass(frozen=True)
class Main:
    """The file of a function that does what its event says, and where it is entered."""

    file: str
    entry_point: str
    code: str


_MAIN = {
    "python": Main("main.py", "main.handler", _PYTHON),
    "nodejs": Main("index.js", "index.handler", _NODE),
    "provided": Main("bootstrap", "main.handler", _BASH),
}


@dataclass(frozen=True)
class Called:
    """One invocation: what came back, and its log."""

    request_id: str
    outcome: Outcome
    lines: list[str]

    @property
    def body(self) -> bytes:
        """The body that AWS's Invoke API would answer."""
        return self.outcome.body

    @property
    def failure(self) -> Failure:
        assert isinstance(self.outcome, Failure), (self.outcome, self.lines)
        return self.outcome

    @property
    def result(self) -> Any:
        assert isinstance(self.outcome, Answer), (self.outcome, self.lines)
        return json.loads(self.outcome.body)

    @property
    def report(self) -> str:
        return self.lines[-1]

    @property
    def printed(self) -> list[str]:
        """The lines that the function itself has written."""
        begin = next(i for i, line in enumerate(self.lines) if line.startswith("START "))
        end = next(i for i, line in enumerate(self.lines) if line.startswith("END "))
        return self.lines[begin + 1 : end]

    @property
    def words(self) -> list[str]:
        """The first word of each line."""
        return [line.partition(" ")[0] for line in self.lines]


class Deployed:
    """A function of the server, to be called."""

    def __init__(self, emulator: Emulator, function: Function) -> None:
        self.name = function.name
        self.function = function
        self._emulator = emulator
        self._invoker = Invoker(
            pool=emulator.pool, watch=emulator.lambdas.watch, clock=SystemClock()
        )

    def call(self, event: Any = None, *, payload: bytes | None = None) -> Called:
        lines: list[str] = []
        call = Call()
        outcome = self._invoker.invoke(
            self.function,
            json.dumps(event).encode() if payload is None else payload,
            lambda line: lines.append(line.message),
            patience=_PATIENCE,
            call=call,
        )
        return Called(call.request_id, outcome, lines)

    def run(self, code: str) -> Called:
        """Calls a function that does what its event says."""
        if self.function.runtime == "provided.al2023":
            return self.call(payload=code.encode())
        return self.call({"run": code})

    @property
    def environments(self) -> list[Environment]:
        """All that it has now."""
        environments = list(self._emulator.pool._fleet.values())
        return [e for e in environments if e.function.name == self.name]

    @property
    def states(self) -> list[State]:
        return [e.slot.state for e in self.environments]

    @property
    def environment(self) -> Environment:
        """The only one that it has."""
        (found,) = self.environments
        return found

    @property
    def container(self) -> str:
        """The id of its only container."""
        container = self.environment.container
        assert container.id
        return container.id

    def await_end(self) -> None:
        """Until its runtime has ended by itself."""
        eventually(lambda: self.environment.slot.state is State.DOWN, "its runtime has ended")

    def freeze(self) -> None:
        eventually(lambda: self.environment.slot.state is State.READY, "it is idle")
        self._emulator.pool.freeze_idle(0)
        assert self.environment.slot.state is State.FROZEN

    def retire(self) -> None:
        """Its environments are removed; returns when they are gone."""
        self._emulator.pool.retire_others(self.name, frozenset())
        eventually(lambda: not self.environments, f"{self.name} has no environment")


class LiveDock:
    """A running server, and the functions that a test calls on it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.service = TaskService(emulator.url)
        self._doers: dict[str, Deployed] = {}

    @classmethod
    @contextmanager
    def serving(cls, settings: Settings, **parts: Any) -> Iterator[LiveDock]:
        """One on this machine's engine, without what `taskdock serve` adds: no reaper of what a
        crash leaves, no disks of limited size. `settings` have their data folder; `parts` are
        those of `running`."""
        doors = settings.data_dir / "doors"
        engine = DockerEngine(connect(find_engine(os.environ)), doors)
        with running(settings, engine=engine, **parts) as dock:
            yield cls(dock.emulator)

    def deploy(
        self, runtime: str, code: str | Mapping[str, str], entry_point: str = "", **fields: Any
    ) -> Deployed:
        """A function of one file, or of several that are named."""
        main = _MAIN[runtimes.find(runtime).family]
        files = {main.file: code} if isinstance(code, str) else code
        function = self.emulator.catalog.deploy(
            f"{runtime.replace('.', '-')}-{ids.word(8)}",
            zipped=zipped(files),
            runtime=runtime,
            entry_point=entry_point or main.entry_point,
            **{"time_limit": 10, **fields},
        )
        return Deployed(self.emulator, function)

    def doer(self, runtime: str, **fields: Any) -> Deployed:
        """A function that does what its event says."""
        return self.deploy(runtime, _MAIN[runtimes.find(runtime).family].code, **fields)

    def shared(self, runtime: str) -> Deployed:
        """One that tests share: its environment may have served before."""
        if runtime not in self._doers:
            self._doers[runtime] = self.doer(runtime)
        return self._doers[runtime]
