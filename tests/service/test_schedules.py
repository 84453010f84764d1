"""Schedules over HTTP: what they say, when they make tasks, and that they make each only once."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import SystemClock, to_iso
from taskdock.commands import main
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.code import CodeStore
from taskdock.store.database import Store
from taskdock.store.query.model import Query
from taskdock.store.tables import ScheduleRunRow
from taskdock.tasks.events.events import Events
from taskdock.tasks.model.task import Task
from taskdock.tasks.queue.queue import Queue
from taskdock.tasks.schedules.schedules import Schedules
from taskdock.testing.clock import NOON, ManualClock
from tests.support.builders import Dock, Json, StartDock, summary

UNKNOWN = "0123456789abcdef01234567"
ROOT = Path(__file__).parents[2]


def iso(seconds: float) -> str:
    return to_iso(NOON + timedelta(seconds=seconds))


def create(dock: Dock, /, **fields: Any) -> Json:
    body = {"functionName": "walnut-table", "interval": 10, **fields}
    response = dock.post("/schedules", body)
    assert response.status_code == 200, response.text
    schedule: Json = response.json()
    return schedule


def delete(dock: Dock, schedule_id: str) -> Any:
    return dock.call("DELETE", f"/schedules/{schedule_id}")


def runs(dock: Dock) -> list[str]:
    """The start times of all tasks."""
    tasks = dock.get("/?sort(startTimestamp)&limit(50)").json()["data"]
    return [task["startTimestamp"] for task in tasks]


def pass_by(dock: Dock, seconds: float) -> None:
    """Time passes, and the scheduler has seen it."""
    dock.jump(seconds)


# What callers see


def test_a_new_schedule_is_answered_with_its_defaults(timed_dock: Dock) -> None:
    schedule = create(timed_dock, startTimestamp=iso(60))

    assert len(schedule.pop("id")) == 24
    assert schedule == {
        "functionName": "walnut-table",
        "interval": 10,
        "startTimestamp": iso(60),
        "nextTimestamp": iso(60),
        "creationTimestamp": iso(0),
        "updateTimestamp": iso(0),
    }


def test_a_schedule_is_listed_as_it_was_made(timed_dock: Dock) -> None:
    made = create(timed_dock, interval=0.5, data={"a": 1}, priority=-7, startTimestamp=iso(9))

    page = timed_dock.get("/schedules").json()

    assert page == {
        "query": "",
        "page": {"total": 1, "offset": 0, "limit": 20},
        "data": [made],
    }
    assert (made["interval"], made["data"], made["priority"]) == (0.5, {"a": 1}, -7)


def test_schedules_are_found_and_paged_by_rql(timed_dock: Dock) -> None:
    for interval in (5, 10, 20):
        create(timed_dock, interval=interval, data={"n": interval}, startTimestamp=iso(interval))

    query = f"gt(data.n,5)&ge(nextTimestamp,{iso(10)})&sort(-interval)&limit(1,1)&select(interval)"
    page = timed_dock.get(f"/schedules/?{query}").json()

    assert page["data"] == [{"interval": 10}]
    assert page["page"] == {"total": 2, "offset": 1, "limit": 1}
    assert summary(timed_dock.get("/schedules?eq(colour,red)")) == (400, 19)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"interval": 10}, 14),
        ({"functionName": "walnut-table"}, 14),
        ({"functionName": "walnut-table", "interval": 0}, 15),
        ({"functionName": "walnut-table", "interval": -1}, 15),
        ({"functionName": "walnut-table", "interval": 0.099}, 15),
        ({"functionName": "walnut-table", "interval": 315_360_000.001}, 15),
        ({"functionName": "walnut-table", "interval": 0.0999}, 15),
        ({"functionName": "walnut-table", "interval": "10"}, 15),
        ({"functionName": "walnut-table", "interval": True}, 15),
        ({"functionName": "walnut-table", "interval": 10, "data": [1]}, 15),
        ({"functionName": "walnut-table", "interval": 10, "priority": 0.5}, 15),
        ({"functionName": "walnut-table", "interval": 10, "startTimestamp": "soon"}, 15),
        ("walnut-table", 22),
    ],
)
def test_what_is_no_schedule_is_refused(shared: Dock, body: Any, code: int) -> None:
    assert summary(shared.post("/schedules", body)) == (400, code)
    assert shared.get("/schedules").json()["data"] == []


@pytest.mark.parametrize("interval", [0.1, 315_360_000])
def test_an_interval_may_be_as_short_and_as_long_as_this(timed_dock: Dock, interval: float) -> None:
    assert create(timed_dock, interval=interval, startTimestamp=iso(60))["interval"] == interval


def test_a_schedule_is_deleted_once(timed_dock: Dock) -> None:
    schedule_id = create(timed_dock)["id"]

    first, second = delete(timed_dock, schedule_id), delete(timed_dock, schedule_id)

    assert (first.status_code, first.json()) == (200, {"affectedRecords": 1})
    assert summary(second) == (404, 16)


def test_an_id_is_checked_before_it_is_looked_for(timed_dock: Dock) -> None:
    assert summary(delete(timed_dock, "walnut")) == (400, 12)
    assert summary(delete(timed_dock, UNKNOWN)) == (404, 16)


# When tasks are made


def test_the_next_task_is_visible_only_when_it_is_due(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: None)
    create(timed_dock, startTimestamp=iso(5), data={"legs": 4})

    pass_by(timed_dock, 4.999)
    before = runs(timed_dock)
    pass_by(timed_dock, 0.001)

    (task,) = timed_dock.get("/").json()["data"]
    assert before == []
    assert (task["startTimestamp"], task["data"]) == (iso(5), {"legs": 4})
    assert timed_dock.finish(task["id"])["status"] == "complete"
    (schedule,) = timed_dock.get("/schedules").json()["data"]
    assert (schedule["nextTimestamp"], schedule["updateTimestamp"]) == (iso(15), iso(5))


def test_a_schedule_without_a_start_begins_at_once(timed_dock: Dock) -> None:
    create(timed_dock)

    timed_dock.eventually(lambda: runs(timed_dock) == [iso(0)])


def test_late_runs_do_not_make_later_ones_late(timed_dock: Dock) -> None:
    create(timed_dock)

    for seconds in (0, 13, 8, 9, 10.5):
        pass_by(timed_dock, seconds)

    timed_dock.eventually(lambda: runs(timed_dock) == [iso(at) for at in (0, 10, 20, 30, 40)])


def test_a_start_in_the_past_makes_its_latest_run(timed_dock: Dock) -> None:
    create(timed_dock, startTimestamp=iso(-34))

    timed_dock.eventually(lambda: runs(timed_dock) == [iso(-4)])

    (schedule,) = timed_dock.get("/schedules").json()["data"]
    assert (schedule["startTimestamp"], schedule["nextTimestamp"]) == (iso(-34), iso(6))


def test_a_new_schedule_wakes_the_scheduler_from_its_sleep(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    create(dock, startTimestamp="2999-01-01")

    create(dock, interval=3600)

    dock.eventually(lambda: len(runs(dock)) == 1)


def test_a_short_interval_is_kept_by_the_real_clock(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    create(dock, interval=0.1)

    started = dock.eventually(lambda: runs(dock) if len(runs(dock)) > 5 else None)

    assert len(set(started)) == len(started)
    assert len({time[-3:-1] for time in started}) == 1  # 20.034Z, 20.134Z: always hundredths of one


@pytest.mark.parametrize(
    ("options", "fields", "priority"),
    [
        ({"defaultPriority": 5}, {}, 5),
        ({"defaultPriority": 5}, {"priority": 0}, 0),
        ({}, {}, 0),
        ({}, {"priority": -3}, -3),
    ],
)
def test_the_priority_is_the_schedules_or_else_the_functions(
    timed_dock: Dock, options: Json, fields: Json, priority: int
) -> None:
    timed_dock.deploy(lambda event, runtime: None, executionOptions=options)
    create(timed_dock, **fields)

    timed_dock.eventually(lambda: runs(timed_dock) == [iso(0)])

    assert timed_dock.get("/").json()["data"][0]["priority"] == priority


def test_no_task_is_made_after_a_schedule_was_deleted(timed_dock: Dock) -> None:
    kept, gone = create(timed_dock, data={"kept": True}), create(timed_dock)
    timed_dock.eventually(lambda: len(runs(timed_dock)) == 2)

    delete(timed_dock, gone["id"])
    pass_by(timed_dock, 10)

    timed_dock.eventually(lambda: len(runs(timed_dock)) == 3)
    (last,) = timed_dock.get(f"/?eq(startTimestamp,{iso(10)})").json()["data"]
    assert last["data"] == {"kept": True}
    assert timed_dock.get("/schedules").json()["data"][0]["id"] == kept["id"]


def test_schedules_of_deleted_and_disabled_functions_disturb_no_other(timed_dock: Dock) -> None:
    for name in ("walnut-table", "oak-chair", "elm-bench"):
        timed_dock.deploy(lambda event, runtime: None, name)
        create(timed_dock, functionName=name, startTimestamp=iso(10))
    timed_dock.call("DELETE", "/functions/walnut-table")
    timed_dock.post("/functions/oak-chair/disable")

    timed_dock.jump(10)

    timed_dock.eventually(lambda: len(runs(timed_dock)) == 3)
    ended = {
        task["functionName"]: timed_dock.finish(task["id"])
        for task in timed_dock.get("/").json()["data"]
    }
    assert ended["elm-bench"]["status"] == "complete"
    errors = {name: ended[name]["error"] for name in ("walnut-table", "oak-chair")}
    assert [error["type"] for error in errors.values()] == ["invocation"] * 2
    assert [error["name"] for error in errors.values()] == ["FunctionUnknown", "FunctionDisabled"]


# A clock that is set


HOUR = 3600.0


def set_clock(dock: Dock, seconds: float) -> None:
    """To so much after noon, once each task that was made has begun; no time passes."""
    assert isinstance(dock.clock, ManualClock)
    dock.eventually(lambda: dock.get("/?eq(status,new)").json()["data"] == [])
    dock.clock.set(NOON + timedelta(seconds=seconds))
    dock.emulator.tasks.scheduler.wake()
    dock.jump(0)


def test_schedules_go_on_when_the_clock_is_set_back(timed_dock: Dock) -> None:
    create(timed_dock)
    timed_dock.eventually(lambda: runs(timed_dock) == [iso(0)])
    pass_by(timed_dock, HOUR)
    made = {iso(0), iso(HOUR)}
    timed_dock.eventually(lambda: set(runs(timed_dock)) == made)

    set_clock(timed_dock, 5)
    assert set(runs(timed_dock)) == made
    for _ in range(3):
        pass_by(timed_dock, 10)

    assert set(runs(timed_dock)) - made == {iso(10), iso(20), iso(30)}
    (schedule,) = timed_dock.get("/schedules").json()["data"]
    assert schedule["nextTimestamp"] == iso(40)


def test_schedules_go_on_when_the_clock_was_set_back_while_the_server_was_down(
    start_dock: StartDock, clock: ManualClock
) -> None:
    first = start_dock(clock=clock)
    create(first)
    pass_by(first, HOUR)
    first.stop()

    clock.set(NOON + timedelta(seconds=5))
    second = start_dock(clock=clock)
    second.eventually(
        lambda: second.get("/schedules").json()["data"][0]["nextTimestamp"] == iso(10)
    )
    pass_by(second, 5)

    assert iso(10) in runs(second)


def test_the_run_that_was_made_last_is_not_made_again_when_its_time_comes_again(
    timed_dock: Dock,
) -> None:
    create(timed_dock, interval=86_400)
    timed_dock.eventually(lambda: runs(timed_dock) == [iso(0)])

    set_clock(timed_dock, -HOUR)
    pass_by(timed_dock, HOUR)
    pass_by(timed_dock, 86_400)

    assert runs(timed_dock) == [iso(0), iso(86_400)]


def test_forward_and_back_again_makes_no_run_twice(timed_dock: Dock) -> None:
    create(timed_dock, interval=600)
    timed_dock.eventually(lambda: runs(timed_dock) == [iso(0)])

    set_clock(timed_dock, HOUR)
    timed_dock.emulator.tasks.worker.wake()
    for task in timed_dock.get("/").json()["data"]:
        timed_dock.finish(task["id"])  # one that waits is brought forward: see test_queue.py
    set_clock(timed_dock, 1)
    for _ in range(12):
        pass_by(timed_dock, 600)

    assert runs(timed_dock) == [iso(at) for at in range(0, 7201, 600)]


def test_a_first_run_that_is_still_to_come_stays_where_it_was_asked_for(timed_dock: Dock) -> None:
    create(timed_dock, startTimestamp=iso(60))

    set_clock(timed_dock, -HOUR)

    assert timed_dock.get("/schedules").json()["data"][0]["nextTimestamp"] == iso(60)
    assert runs(timed_dock) == []


# Restarts and rivals


def test_after_a_long_stop_only_the_latest_missed_run_is_made(
    start_dock: StartDock, clock: ManualClock
) -> None:
    first = start_dock(clock=clock)
    create(first)
    first.eventually(lambda: runs(first) == [iso(0)])
    first.stop()

    clock.jump(3600 * 24 + 3)
    second = start_dock(clock=clock)

    second.eventually(lambda: runs(second) == [iso(0), iso(3600 * 24)])
    (schedule,) = second.get("/schedules").json()["data"]
    assert schedule["nextTimestamp"] == iso(3600 * 24 + 10)


def turn_due(schedules: Schedules, now: datetime) -> list[Task]:
    """Makes what is due, as a scheduler does."""
    due = schedules.claim(now, 100)
    with schedules.transaction():
        made = [schedules.make(run, now) for run in due]
    return [each.task for each in made if each.task is not None]


class Rivals:
    """The schedules of servers that share a database, each with connections of its own."""

    def __init__(self, folder: Path, count: int) -> None:
        self.stores = [Store(folder / "shared.db") for _ in range(count)]
        self.clock = ManualClock()
        self.schedules: list[Schedules] = []
        for store in self.stores:
            self.schedules.append(self._open_schedules(store, folder))

    def _open_schedules(self, store: Store, folder: Path) -> Schedules:
        catalog = Catalog(store=store, code=CodeStore(folder / "code"), clock=self.clock)
        events = Events(
            store=store, catalog=catalog, own_ports=(), clock=self.clock, notices=Notices()
        )
        name = f"rival-{len(self.schedules)}"
        queue = Queue(store=store, server=name, events=events)
        return Schedules(
            store=store,
            server=name,
            queue=queue,
            catalog=catalog,
            clock=self.clock,
            notices=Notices(),
        )

    def turn(self, seconds: float) -> list[Task]:
        """All at once, from two threads each: what they made together."""
        now = NOON + timedelta(seconds=seconds)
        with ThreadPoolExecutor(2 * len(self.schedules)) as pool:
            made = pool.map(lambda one: turn_due(one, now), self.schedules * 2)
            return [task for tasks in made for task in tasks]


@pytest.fixture
def rivals(tmp_path: Path) -> Iterator[Rivals]:
    rivals = Rivals(tmp_path, 2)
    yield rivals
    for store in rivals.stores:
        store.close()


def test_of_two_servers_at_one_database_one_makes_each_run(rivals: Rivals) -> None:
    for number in range(10):
        rivals.schedules[0].create(
            function_name="walnut-table", interval=timedelta(seconds=10), data={"n": number}
        )

    made = [task for seconds in range(0, 100, 4) for task in rivals.turn(seconds)]

    runs = Counter((task.data and task.data["n"], task.start_timestamp) for task in made)
    assert set(runs.values()) == {1}
    assert set(runs) == {
        (number, NOON + timedelta(seconds=at)) for number in range(10) for at in range(0, 100, 10)
    }


def test_a_run_whose_row_is_taken_is_not_made_again(rivals: Rivals) -> None:
    schedules, store = rivals.schedules[0], rivals.stores[0]
    schedule = schedules.create(function_name="walnut-table", interval=timedelta(seconds=10))
    ScheduleRunRow.insert(schedule_id=schedule.id, run_timestamp=NOON).execute(store.db)

    assert turn_due(schedules, NOON) == []
    assert len(turn_due(schedules, NOON + timedelta(seconds=10))) == 1


def booked(store: Store) -> list[tuple[str, datetime]]:
    """The runs that the database knows of."""
    rows = ScheduleRunRow.select().order_by(ScheduleRunRow.run_timestamp).execute(store.db)
    return [(row.schedule_id, row.run_timestamp) for row in rows]


def test_of_the_runs_of_a_schedule_the_latest_alone_is_kept(rivals: Rivals) -> None:
    schedules, store = rivals.schedules[0], rivals.stores[0]
    often, seldom = (
        schedules.create(function_name="walnut-table", interval=timedelta(seconds=seconds))
        for seconds in (1, 60)
    )

    made = [turn_due(schedules, NOON + timedelta(seconds=at)) for at in range(10)]

    assert sum(map(len, made)) == 11
    assert booked(store) == [(seldom.id, NOON), (often.id, NOON + timedelta(seconds=9))]


def test_of_a_deleted_schedule_no_run_is_kept(rivals: Rivals) -> None:
    schedules, store = rivals.schedules[0], rivals.stores[0]
    gone, kept = (
        schedules.create(function_name="walnut-table", interval=timedelta(seconds=1))
        for _ in range(2)
    )
    turn_due(schedules, NOON)

    schedules.remove(gone.id)

    assert booked(store) == [(kept.id, NOON)]


def test_a_schedule_that_is_deleted_while_it_is_turned_makes_no_task_later(rivals: Rivals) -> None:
    ours, theirs = rivals.schedules
    for round_ in range(10):
        schedule = ours.create(function_name="walnut-table", interval=timedelta(seconds=1))
        with ThreadPoolExecutor() as pool:
            turning = pool.submit(turn_due, theirs, NOON)
            ours.remove(schedule.id)
            turning.result()

        assert turn_due(theirs, NOON + timedelta(seconds=round_ + 1)) == []
        assert ours.find(Query()) == ([], 0)


def test_a_task_that_cannot_be_kept_leaves_its_run_for_later(
    rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedules = rivals.schedules[0]
    schedules.create(function_name="walnut-table", interval=timedelta(seconds=10))
    with monkeypatch.context() as patch:
        patch.setattr(schedules._queue, "enqueue", _full)
        (run,) = schedules.claim(NOON, 100)
        with pytest.raises(OSError, match="no space"), schedules.transaction():
            schedules.make(run, NOON)

    task = schedules.make(run, NOON).task

    assert task is not None
    assert task.start_timestamp == NOON


def _full(task: Task) -> None:
    raise OSError("no space is left")


# The other way to run a function again and again


@pytest.fixture
def recurring_chain() -> ModuleType:
    path = ROOT / "sample_functions/recurring-chain/src/index.py"
    spec = importlib.util.spec_from_file_location("recurring_chain", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_chain_ends_when_its_next_task_is_canceled(
    start_dock: StartDock, recurring_chain: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(clock=ManualClock(SystemClock().now()))  # the sample has a clock of its own
    monkeypatch.setenv("API_HOST", dock.emulator.url)
    dock.deploy(lambda event, runtime: recurring_chain.handler(event, None))
    first = dock.create_task(data={"remaining": 5, "interval": 60})
    dock.finish(first)
    (coming,) = dock.get("/?eq(status,new)").json()["data"]

    canceled = dock.post(f"/{coming['id']}/cancel")
    dock.jump(3600)
    dock.finish(dock.create_task(data={"remaining": 0}))

    assert canceled.json() == {"affectedRecords": 1}
    assert dock.status(coming["id"]) == "canceled"
    assert dock.get("/").json()["page"]["total"] == 3


# The command


def test_the_command_creates_lists_and_deletes_schedules(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: None)

    def taskdock(*words: str) -> str:
        result = CliRunner().invoke(main, [*words, "--url", timed_dock.emulator.url])
        assert result.exit_code == 0, result.output
        return result.stdout

    made = taskdock("schedules", "create", "walnut-table", "--every", "90", "-d", '{"legs": 4}')
    listed = taskdock("schedules", "list")
    taskdock("schedules", "delete", made.strip())

    assert made.strip() in listed
    assert "walnut-table" in listed
    assert timed_dock.get("/schedules").json()["data"] == []
