"""The world of a run: contenders that serve, clients, and the number of samples."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.call import Answer, Called
from benchmarks.function import Function
from benchmarks.peers import Contender, Machine, Taskdock
from benchmarks.speed import moto
from benchmarks.speed.clients import PATIENCE, Clients, Result, Target

OK = Function({"app.py": 'def handler(event, context):\n    return {"ok": True}\n'})
LIMIT = 120  # seconds that anything is waited for


class TooSlow(Exception):
    """A condition was not met within its time."""


@dataclass
class World:
    machine: Machine
    clients: Clients
    contenders: Mapping[str, Contender]  # by name; those of the options
    quick: bool
    folder: Path  # removed with all that is in it
    _stack: ExitStack = field(default_factory=ExitStack)
    _served: dict[str, list[Called]] = field(default_factory=dict)

    def amount(self, quick: int, full: int) -> int:
        return quick if self.quick else full

    def having(self, *names: str) -> list[str]:
        return [name for name in names if name in self.contenders]

    def serve(self, name: str, count: int = 1) -> list[Called]:
        """The function served by a contender, from now to the end of the run; by the RIE as often
        as wanted, since it takes one call at a time."""
        served = self._served.setdefault(name, [])
        while len(served) < (count if name == "rie" else 1):
            called = self._stack.enter_context(self.contenders[name].serve("speed", OK))
            served.append(called)
            expect_ok(called, name)
        return served

    def targets(self, name: str, count: int = 1) -> list[Target]:
        return [target(called, name) for called in self.serve(name, count)]

    def load(
        self,
        targets: Sequence[Target],
        *,
        clients: int = 1,
        calls: int = 1_000_000,
        seconds: float = PATIENCE,
    ) -> Result:
        """Calls, all of which have to be answered. Raises TooSlow otherwise."""
        result = self.clients.call(targets, clients=clients, calls=calls, seconds=seconds)
        if result.failed or not result.taken:
            raise TooSlow(f"{len(result.taken)} calls answered, others not: {result.failed}")
        return result

    def settle(self) -> None:
        """Waits until taskdock is at rest: the next sample may be a peer's."""
        for contender in self.contenders.values():
            if isinstance(contender, Taskdock):
                contender.await_rest()

    def close(self) -> None:
        self._stack.close()
        for contender in self.contenders.values():
            contender.close()


def target(called: Called, contender: str) -> Target:
    headers = moto.headers("lambda") if contender == "moto" else {}
    return Target(called.address[1], f"{called.path}/invocations", headers=headers)


def expect_ok(called: Called, contender: str) -> Answer:
    """One call; what it answers is looked at here, and in the load only its status."""
    wanted = target(called, contender)
    answer = called.request("POST", wanted.path, wanted.body.encode(), wanted.headers)
    if answer.value != {"ok": True}:
        raise TooSlow(f"{contender} answers {answer.text[:200]}")
    return answer


# taskdock servers of a row's own


@dataclass(frozen=True)
class Own:
    """A taskdock server, called by its Task Service, its database read beside it."""

    contender: Taskdock
    data_dir: Path

    @property
    def port(self) -> int:
        return self.contender.server.port

    @property
    def pid(self) -> int:
        return self.contender.server.pid

    def serve(self, name: str, function: Function) -> AbstractContextManager[Called]:
        return self.contender.serve(name, function)

    def post(self, path: str, body: object) -> Any:
        return self._call("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        with closing(connection):
            connection.request(method, path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            content = json.loads(reply.read())
        if reply.status >= 300:
            raise TooSlow(f"{method} {path}: {reply.status} {content}")
        return content

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data_dir / "taskdock.db", timeout=10)) as database:
            return database.execute(sql, values).fetchall()


@contextmanager
def own_server(world: World, data_dir: Path, *options: str) -> Iterator[Own]:
    contender = Taskdock(world.machine, options, data_dir)
    try:
        yield Own(contender, data_dir)
    finally:
        contender.close()


def await_true(check: Callable[[], bool], pause: float) -> None:
    deadline = time.monotonic() + LIMIT
    while not check():
        if time.monotonic() > deadline:
            raise TooSlow(f"waited {LIMIT} s")
        time.sleep(pause)
