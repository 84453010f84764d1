"""Whatever moment a server is killed at, it has lost nothing that it answered for."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest
import requests

from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.live import LiveServer, TaskService, ask, source

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(600)]

SEED = 20261122
KILLS = 30
CALLERS = 3  # beside the one that waits for results
PLACES = 2
MOST = 40  # answers from the first call of a round to its kill
PAUSE = 0.12  # seconds between two calls of a caller, at most
FUNCTIONS = ("steady", "unsteady")
KINDS = ("quick", "slow", "unsteady", "event")
UNFINISHED = (
    "SELECT count(*) FROM task WHERE status IN ('new', 'inProgress')",
    "SELECT count(*) FROM backlog",
)


@dataclass
class Answered:
    """What the servers have answered for, by the mark that each call had in its data."""

    tasks: dict[str, str] = field(default_factory=dict)  # to the task's id
    executed: dict[str, str] = field(default_factory=dict)  # the same, of direct executions
    events: dict[str, str] = field(default_factory=dict)  # to the request's id
    refused: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)  # while a server ran: none should be
    under_way: dict[str, tuple[str, float]] = field(default_factory=dict)
    """What each caller has asked last and has no answer to yet, and when."""

    def is_enough(self, count: int) -> bool:
        """Whether there are so many answers. Fails as soon as a call was refused or has none."""
        assert not [*self.refused, *self.unanswered], self.state()
        return self.count >= count

    def state(self) -> str:
        """What callers wait for, and what they have met."""
        now = time.monotonic()
        waits = [
            f"{mark}: {kind} for {now - since:.1f} s"
            for mark, (kind, since) in list(self.under_way.items())
        ]
        return (
            f"{self.count} answers in all, refused: {self.refused}, without an answer:"
            f" {self.unanswered}, still waiting: {waits or 'nobody'}"
        )

    @property
    def count(self) -> int:
        return len(self.tasks) + len(self.executed) + len(self.events) + len(self.refused)


def test_no_kill_loses_what_was_answered_for(start_server: StartServer) -> None:
    dice, answered = random.Random(SEED), Answered()
    server = start_server("--concurrency", str(PLACES))
    for name in FUNCTIONS:
        policy = {"enabled": name == "unsteady", "errorsToRetry": ["Unsteady"]}
        server.service.deploy(name, source("marker"), retryPolicy=policy)

    took = 0.0  # seconds: how long the last start took on this machine
    for number in range(KILLS):
        before, goal = answered.count, dice.randint(0, MOST)
        results = len(answered.executed) + (number % 3 == 1)
        with calling(server.service.url, number, answered) as over:
            await_answers(server, answered, before + goal, results)
            time.sleep(dice.uniform(0, PAUSE))  # any moment, not the one behind an answer
            over.set()
            server.kill()
        print(f"seed {SEED}, kill {number} after {answered.count - before} answers")
        if number % 3 == 0:
            server.begin()
            time.sleep(dice.uniform(0, took))
            server.kill()
        began = time.monotonic()
        server.start()
        took = time.monotonic() - began

    eventually(lambda: not unfinished(server.data), "all has ended", within=150)
    rows_can_be_read(server.service, answered)
    server.stop()  # which looks for containers that remain, of dead servers, too
    assert not answered.refused
    assert all((answered.tasks, answered.executed, answered.events))
    with closing(sqlite3.connect(server.data / "taskdock.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        account_for_tasks(database, answered)
        account_for_events(database, answered)


# The load


def await_answers(server: LiveServer, answered: Answered, count: int, results: int) -> None:
    """Until there are so many in all, and so many results of direct executions among them."""

    def are_there() -> bool:
        return answered.is_enough(count) and len(answered.executed) >= results

    def state() -> str:
        return f"{answered.state()}\nthe server:\n{server.threads()}"

    eventually(are_there, f"{count} answers, {results} results", state=state)


@contextmanager
def calling(url: str, number: int, answered: Answered) -> Iterator[Event]:
    """Callers at work until the event is set, or this context is left.

    It is set ahead of a kill: who has no answer before that was failed by a server that ran.
    """
    over = Event()
    callers = [
        Thread(target=call, args=(url, f"{number}-{caller}", kinds, answered, over))
        for caller, kinds in enumerate([("direct",), *[KINDS] * CALLERS])
    ]
    for caller in callers:
        caller.start()
    try:
        yield over
    finally:
        over.set()
        for caller in callers:
            caller.join()


def call(url: str, name: str, kinds: Sequence[str], answered: Answered, over: Event) -> None:
    dice, count = random.Random(f"{SEED} {name}"), 0
    service = TaskService(url)
    while not over.wait(dice.uniform(0, PAUSE)):
        count += 1
        kind, mark = dice.choice(kinds), f"{name}-{count}"
        answered.under_way[name] = (kind, time.monotonic())
        try:
            note(answered, kind, mark, one_call(service, kind, mark, dice))
        except Exception as error:
            if isinstance(error, requests.RequestException) and over.is_set():
                return  # killed before the answer was here: nothing was promised
            answered.unanswered.append(f"{mark}, {kind}: {error!r}")
            return
        finally:
            del answered.under_way[name]


def one_call(service: TaskService, kind: str, mark: str, dice: random.Random) -> requests.Response:
    data: Json = {"mark": mark}
    if kind == "direct":
        return service.call("POST", "/functions/steady/execute", {"data": data})
    if kind == "event":
        return ask(
            "POST",
            f"{service.url}/2015-03-31/functions/steady/invocations",
            json={"data": data},
            headers={"X-Amz-Invocation-Type": "Event"},
        )
    if kind == "slow":
        data["seconds"] = dice.uniform(0.05, 0.2)
    name = "unsteady" if kind == "unsteady" else "steady"
    data["fails"] = name == "unsteady"
    return service.call("POST", "/", {"functionName": name, "data": data})


def note(answered: Answered, kind: str, mark: str, answer: requests.Response) -> None:
    if not answer.ok:
        answered.refused.append(f"{kind}: {answer.status_code} {answer.text}")
    elif kind == "event":
        answered.events[mark] = answer.headers["x-amzn-RequestId"]
    else:
        (answered.executed if kind == "direct" else answered.tasks)[mark] = answer.json()["id"]


# The account


def unfinished(data: Path) -> int:
    with closing(sqlite3.connect(data / "taskdock.db", timeout=10)) as database:
        return sum(database.execute(sql).fetchone()[0] for sql in UNFINISHED)


def rows_can_be_read(service: TaskService, answered: Answered) -> None:
    wanted = [*answered.tasks.values(), *answered.executed.values()]
    for begin in range(0, len(wanted), 50):
        ids = wanted[begin : begin + 50]
        found = service.tasks(f"in(id,{','.join(ids)})")
        assert {task["id"] for task in found} == set(ids)


def account_for_tasks(database: sqlite3.Connection, answered: Answered) -> None:
    rows = database.execute("SELECT id, status, retried_by_task_id, error FROM task").fetchall()
    tasks = {id: (status, later, error) for id, status, later, error in rows}
    ends: Counter[str] = Counter()
    for mark, id in (answered.tasks | answered.executed).items():
        ran = [id]
        while tasks[ran[-1]][0] == "retried":
            ran.append(tasks[ran[-1]][1])
        status, _, error = tasks[ran[-1]]
        if status == "complete":
            log = lines(database, ran[-1])
            assert log.count(f"mark {mark}") == 1, (mark, log)
            assert log[-1].startswith("REPORT "), (mark, log)
        else:
            assert (status, "zombieTaskCleaned" in error) == ("failed", True), (mark, error)
            assert mark not in answered.executed, "a result was given, so it had ended"
        ends[status] += 1
    print(f"tasks that were answered for: {dict(ends)}; {len(tasks)} in all")
    assert ends["complete"]
    assert ends["failed"], "no kill met a task that ran"
    for id in tasks:
        log = lines(database, id)
        assert sum(line.startswith("START ") for line in log) <= 1, (id, log)


def account_for_events(database: sqlite3.Connection, answered: Answered) -> None:
    """Each has run to its end, if not only once: a kill in between means that it runs again."""
    owners = dict(database.execute("SELECT request_id, id FROM invocation"))
    for mark, request_id in answered.events.items():
        log = lines(database, owners[request_id])
        assert f"mark {mark}" in log, (mark, log)
        assert any(line.startswith("REPORT ") for line in log), (mark, log)
    print(f"events that were answered for: {len(answered.events)}, all run")


def lines(database: sqlite3.Connection, owner: str) -> list[str]:
    sql = "SELECT message FROM task_log WHERE task_id = ? ORDER BY id"
    return [message for (message,) in database.execute(sql, (owner,))]
