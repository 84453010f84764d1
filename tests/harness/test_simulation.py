"""A thousand made-up programs of clock moves, tasks, schedules and cancels, run by a server and by
a plain simulation: the order of starts and every time are the same.

The server is a real one, with a fake engine, and one place: so tasks begin one after the other. A
program begins in mode manual or auto, and each program finds the server as the one before has left
it, but for a reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from taskdock.base.errors import EndlessWait
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import from_epoch
from taskdock.base.timing.harness_clock import Mode
from taskdock.tasks.model.notices import TaskClaimed
from taskdock.testing import Dock, FakeEngine, running

pytestmark = pytest.mark.long  # a thousand programs
RETRIES = (2, 5, 10)  # seconds
FUNCTIONS = {"frail": True, "plain": False}  # whether they are tried again

# The simulation: nothing of it is the product's


@dataclass
class SimTask:
    number: int  # in the order in which tasks are made
    function: str
    fails: int  # attempts that fail
    priority: int
    start: datetime
    created: datetime
    attempt: int = 0
    status: str = "new"
    changed: datetime | None = None
    again: SimTask | None = None

    def shown(self) -> Any:
        changed = self.changed or self.created
        return (self.function, self.priority, self.start, self.created, self.status, changed)


@dataclass
class SimSchedule:
    function: str
    interval: timedelta
    priority: int
    fails: int
    start: datetime
    next: datetime
    gone: bool = False


@dataclass
class Simulation:
    now: datetime
    tasks: list[SimTask] = field(default_factory=list)
    schedules: list[SimSchedule] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)

    def create(self, function: str, fails: int, start: float | None, priority: int) -> SimTask:
        begins = self.now if start is None else self.now + timedelta(seconds=start)
        made = self._task(function, fails, priority, begins)
        self._run()
        return made

    def schedule(
        self, function: str, fails: int, start: float, priority: int, interval: float
    ) -> None:
        begins = self.now + timedelta(seconds=start)
        every = timedelta(seconds=interval)
        self.schedules.append(SimSchedule(function, every, priority, fails, begins, begins))
        self._run()

    def new(self) -> list[SimTask]:
        return [task for task in self.tasks if task.status == "new"]

    def cancel(self, which: int) -> None:
        if found := self.new():
            task = found[which % len(found)]
            task.status, task.changed = "canceled", self.now

    def remove(self, which: int) -> None:
        if found := [each for each in self.schedules if not each.gone]:
            found[which % len(found)].gone = True

    def move_to(self, target: datetime) -> None:
        while (moment := self._next()) is not None and moment <= target:
            self._go(moment)
        self.now = max(self.now, target)

    def run_until_idle(self) -> None:
        while self.new():
            self._go(self._next())

    def is_endless(self) -> bool:
        """Whether a schedule makes retries for ever, so that nothing is idle at any time."""
        alive = [each for each in self.schedules if not each.gone]
        return any(each.fails and FUNCTIONS[each.function] for each in alive)

    def wait(self, task: SimTask) -> None:
        while True:
            while task.again is not None:
                task = task.again
            if task.status != "new":
                return
            self._go(self._next())

    def _next(self) -> datetime | None:
        waiting = [task.start for task in self.new()]
        runs = [each.next for each in self.schedules if not each.gone]
        return min((*waiting, *runs), default=None)

    def _go(self, moment: datetime | None) -> None:
        assert moment is not None
        self.now = max(self.now, moment)
        self._run()

    def _run(self) -> None:
        due = [each for each in self.schedules if not each.gone and each.next <= self.now]
        for each in sorted(due, key=lambda each: (each.next, self.schedules.index(each))):
            missed = (self.now - each.next) // each.interval
            run = each.next + missed * each.interval
            each.next = run + each.interval
            self._task(each.function, each.fails, each.priority, run)
        while ready := [task for task in self.new() if task.start <= self.now]:
            task = min(ready, key=lambda task: (-task.priority, task.start, task.number))
            self.starts.append(task.number)
            task.changed = self.now
            if task.attempt >= task.fails:
                task.status = "complete"
            elif not FUNCTIONS[task.function] or task.attempt >= len(RETRIES):
                task.status = "failed"
            else:
                task.status = "retried"
                later = self.now + timedelta(seconds=RETRIES[task.attempt])
                task.again = self._task(task.function, task.fails, task.priority, later)
                task.again.attempt = task.attempt + 1

    def _task(self, function: str, fails: int, priority: int, start: datetime) -> SimTask:
        task = SimTask(len(self.tasks), function, fails, priority, start, self.now)
        self.tasks.append(task)
        return task


# The server


class Failed(Exception):
    """A function fails on purpose."""


def handler(event: Any, runtime: Any) -> None:
    if len(event.get("retryForTaskIds", ())) < event["data"]["fails"]:
        raise Failed


class Server:
    """The same verbs, done by a real server."""

    def __init__(self, dock: Dock) -> None:
        self.dock = dock
        self.driver, self.waits = dock.emulator.agenda.driver, dock.emulator.agenda.waits
        self.claimed: list[str] = []
        dock.emulator.notices.subscribe(TaskClaimed, lambda told: self.claimed.append(told.task))

    def begin(self, mode: Mode) -> None:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(f"{self.dock.url}/taskdock/reset", json={"mode": mode.value})
        assert answer.status_code == 200, answer.text
        self.claimed.clear()

    @property
    def now(self) -> datetime:
        return self.driver.now

    def create(self, function: str, fails: int, start: float | None, priority: int) -> str:
        begins = None if start is None else self.now + timedelta(seconds=start)
        task = self.dock.emulator.service.create(
            function_name=function, data={"fails": fails}, start=begins, priority=priority
        )
        self._settle()
        return task.id

    def schedule(
        self, function: str, fails: int, start: float, priority: int, interval: float
    ) -> None:
        self.dock.emulator.tasks.schedules.create(
            function_name=function,
            interval=timedelta(seconds=interval),
            data={"fails": fails},
            priority=priority,
            start=self.now + timedelta(seconds=start),
        )
        self._settle()

    def cancel(self, which: int) -> None:
        if found := self._rows("SELECT id FROM task WHERE status = 'new' ORDER BY id"):
            self.dock.emulator.service.cancel(found[which % len(found)][0])

    def remove(self, which: int) -> None:
        if found := self._rows("SELECT id FROM schedule ORDER BY id"):
            self.dock.emulator.tasks.schedules.remove(found[which % len(found)][0])

    def move_to(self, target: datetime) -> None:
        self.driver.move_to(target)

    def run_until_idle(self) -> None:
        self.driver.run_until_idle()

    def wait(self, task_id: str) -> None:
        assert self.waits.wait(task_id, 30).ended
        self._settle()  # others are due at the same moment

    def tasks(self) -> list[Any]:
        return [
            (
                function,
                priority,
                from_epoch(start),
                from_epoch(created),
                status,
                from_epoch(changed),
            )
            for function, priority, start, created, status, changed in self._rows(
                "SELECT function_name, priority, start_timestamp, creation_timestamp, status,"
                " status_changed_timestamp FROM task ORDER BY id"
            )
        ]

    def schedules(self) -> list[datetime]:
        rows = self._rows("SELECT next_timestamp FROM schedule ORDER BY id")
        return [from_epoch(moment) for (moment,) in rows]

    def starts(self) -> list[int]:
        ids = [id for (id,) in self._rows("SELECT id FROM task ORDER BY id")]
        return [ids.index(id) for id in self.claimed]

    def _settle(self) -> None:
        """What is due now has ended, so that nothing depends on how quick this test is."""
        self.driver.advance(timedelta(0))

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.dock.emulator.foundation.store.rows(statement)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    given = Settings(clock="manual", concurrency=1, prewarm=0, keep_days=0, log_level="ERROR")
    with running(given, engine=FakeEngine()) as dock:
        for name, retried in FUNCTIONS.items():
            dock.deploy(handler, name, retryPolicy={"enabled": retried})
        yield Server(dock)


# Programs: steps with whole seconds, so that many things are due at the same moment

FUNCTION = st.sampled_from(sorted(FUNCTIONS))
FAILS = st.sampled_from([0, 0, 1, 2, 4])
PRIORITY = st.integers(0, 2)
WHICH = st.integers(0, 5)
START = st.one_of(st.none(), st.integers(-3, 20))
PROGRAMS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), FUNCTION, FAILS, START, PRIORITY),
        st.tuples(st.just("create"), FUNCTION, FAILS, st.integers(1, 5), PRIORITY),
        st.tuples(
            st.just("schedule"),
            *(FUNCTION, FAILS, st.integers(-12, 10), PRIORITY),
            st.sampled_from([2.5, 5, 10]),
        ),
        st.tuples(st.just("cancel"), WHICH),
        st.tuples(st.just("remove"), WHICH),
        st.tuples(st.just("advance"), st.sampled_from([0, 0.5, 1, 2, 3, 5, 20])),
        st.tuples(st.just("idle")),
        st.tuples(st.just("wait"), WHICH),
    ),
    min_size=1,
    max_size=12,
)


def run(program: list[Any], mode: Mode, server: Server, simulation: Simulation) -> None:
    made: list[tuple[str, SimTask]] = []
    for verb, *values in program:
        if verb == "create":
            made.append((server.create(*values), simulation.create(*values)))
        elif verb == "advance":
            target = simulation.now + timedelta(seconds=values[0])
            server.move_to(target)
            simulation.move_to(target)
        elif verb == "idle":
            if not simulation.is_endless():
                server.run_until_idle()
                simulation.run_until_idle()
        elif verb == "wait":
            if made:
                task, simulated = made[values[0] % len(made)]
                wait(task, simulated, mode, server, simulation)
        else:
            getattr(server, verb)(*values)
            getattr(simulation, verb)(*values)
        assert server.now == simulation.now, verb


def wait(task: str, simulated: SimTask, mode: Mode, server: Server, simulation: Simulation) -> None:
    last = simulated
    while last.again is not None:
        last = last.again
    if mode is Mode.AUTO or last.status != "new":
        server.wait(task)
        simulation.wait(simulated)
        return
    with pytest.raises(EndlessWait):
        server.wait(task)


@settings(
    max_examples=1000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=(Phase.explicit, Phase.generate),  # what is made smaller would run for minutes
)
@given(program=PROGRAMS, mode=st.sampled_from([Mode.MANUAL, Mode.AUTO]))
def test_a_thousand_programs_have_the_order_and_the_times_of_a_plain_simulation(
    server: Server, program: list[Any], mode: Mode
) -> None:
    server.begin(mode)
    simulation = Simulation(server.now)

    run(program, mode, server, simulation)

    assert server.starts() == simulation.starts
    assert server.tasks() == [task.shown() for task in simulation.tasks]
    assert server.schedules() == [each.next for each in simulation.schedules if not each.gone]
