"""Retention: what is forgotten, when, and with what; what stays; what status says of it."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from taskdock.base.timing.clock import to_iso
from taskdock.store import size
from taskdock.store.database import Store
from taskdock.tasks.api_functions import api_requests
from taskdock.tasks.retention import retained
from taskdock.tasks.retention.retained import KINDS, RecordKind
from taskdock.tasks.retention.retention import Retention
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of, zip_of
from tests.support.aws import NAME, echo, facts, lambda_client
from tests.support.builders import LIMIT, Dock, Gate, Json, StartDock, summary

DAY = 24 * 60 * 60.0  # seconds
OWNED = ("task", "task_tag", "api_request", "invocation", "task_log", "event")


def tidy(dock: Dock, *, pieces: int = 10_000) -> int:
    """Has the retention do its work now, piece by piece; how many pieces that were."""
    retention = dock.emulator.tasks.retention
    retention.stop()
    for done in range(pieces):
        if retention.run_once() >= 1:
            return done
    return pieces


def count(dock: Dock, *tables: str) -> dict[str, int]:
    counts = {}
    for table in tables:
        ((counts[table],),) = dock.emulator.foundation.store.rows(f"SELECT COUNT(*) FROM {table}")
    return {table: number for table, number in counts.items() if number}


def stored(dock: Dock) -> Json:
    response = dock.call("GET", "/status", base="")
    assert response.status_code == 200, response.text
    found: Json = response.json()["stored"]
    return found


def known(dock: Dock, task_id: str) -> bool:
    response = dock.get(f"/?eq(id,{task_id})")
    assert response.status_code == 200, response.text
    return bool(response.json()["data"])


def print_and_answer(event: Any, runtime: FakeRuntime) -> Json:
    runtime.print("sawdust")
    return {"statusCode": 200}


def splinter(event: Any, runtime: FakeRuntime) -> None:
    raise ValueError("in the thumb")


def invoke(dock: Dock, kind: str = "RequestResponse") -> None:
    client = lambda_client(dock.emulator.url)
    answer = client.invoke(FunctionName=NAME, InvocationType=kind)
    assert answer["StatusCode"] in (200, 202)
    client.close()


def one_of_each(dock: Dock) -> str:
    """A task, an API request and an invocation that have ended, each with log lines; the task."""
    dock.deploy(print_and_answer)
    task = dock.create_task(tags=["wood"])
    assert dock.finish(task)["status"] == "complete"
    assert dock.call("GET", f"/api/{NAME}/shop").status_code == 200
    invoke(dock)
    invoke(dock, "Event")
    dock.eventually(lambda: facts(dock, "invocation_completed"))
    dock.emulator.service._log_store.write_waiting()
    return task


# By age


def test_what_ended_before_the_days_to_keep_is_forgotten_with_all_that_is_its(
    timed_dock: Dock,
) -> None:
    dock = timed_dock
    task = one_of_each(dock)
    (request,) = dock.get("/apiRequests").json()["data"]
    assert set(count(dock, *OWNED)) == set(OWNED) - {"event"}

    dock.jump(31 * DAY)
    tidy(dock)

    assert count(dock, *OWNED) == {}
    assert not known(dock, task)
    assert summary(dock.get(f"/{task}/logs")) == (404, 16)
    assert summary(dock.get(f"/apiRequests/{request['id']}/logs")) == (404, 16)


def test_what_ended_within_the_days_to_keep_stays(timed_dock: Dock) -> None:
    task = one_of_each(timed_dock)
    before = count(timed_dock, *OWNED)

    timed_dock.jump(29 * DAY)
    tidy(timed_dock)

    assert count(timed_dock, *OWNED) == before
    assert "sawdust" in timed_dock.logs(task)


def test_a_task_counts_from_its_end_not_from_its_creation(timed_dock: Dock) -> None:
    timed_dock.deploy(echo)
    task = timed_dock.create_task(startTimestamp=to_iso(NOON + timedelta(days=40)))
    timed_dock.jump(40 * DAY)
    timed_dock.finish(task)

    tidy(timed_dock)
    assert known(timed_dock, task)
    timed_dock.jump(31 * DAY)
    tidy(timed_dock)

    assert not known(timed_dock, task)


def test_what_has_not_ended_stays_however_old_it_is(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock, gate = start_dock(clock=clock, keep_days=0.5, concurrency=2), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), timeLimit=300)
    later = dock.create_task(startTimestamp="2999-01-01T00:00:00.000Z")
    running = [dock.create_task() for _ in range(2)]
    invoke(dock, "Event")
    dock.eventually(lambda: gate.waiting == 3)

    clock.jump(5 * 60 * 60)  # an accepted event is given up after six hours
    clock.jump(DAY)
    tidy(dock)

    assert [dock.status(task) for task in running] == ["inProgress"] * 2
    assert dock.status(later) == "new"
    assert count(dock, "invocation", "backlog") == {"invocation": 1, "backlog": 1}
    gate.open()
    assert [dock.finish(task)["status"] for task in running] == ["complete"] * 2
    dock.eventually(lambda: facts(dock, "invocation_completed"))


def test_the_attempts_before_a_task_go_with_it_and_not_earlier(timed_dock: Dock) -> None:
    dock, gate = timed_dock, Gate()
    failed = threading.Event()

    def once(event: Any, runtime: FakeRuntime) -> None:
        if not failed.is_set():
            failed.set()
            raise ValueError("in the thumb")
        gate.pass_(runtime)

    dock.deploy(once, retryPolicy={"enabled": True})
    first = dock.create_task()
    second = dock.reach(first, "retried")["retriedByTaskId"]
    dock.jump(3)
    dock.eventually(lambda: gate.waiting == 1)

    dock.clock.jump(31 * DAY)  # type: ignore[union-attr]
    tidy(dock)
    assert dock.task(first)["retriedByTaskId"] == second
    gate.open()
    assert dock.finish(second)["retryForTaskIds"] == [first]
    tidy(dock)
    assert known(dock, first)
    dock.jump(31 * DAY)
    tidy(dock)

    assert count(dock, *OWNED) == {}


def test_events_go_with_their_time(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter)
    timed_dock.finish(timed_dock.create_task())
    assert count(timed_dock, "event") == {"event": 1}

    timed_dock.jump(31 * DAY)
    tidy(timed_dock)

    assert count(timed_dock, "event", "task") == {}


def test_zero_days_keep_everything(start_dock: StartDock, clock: ManualClock) -> None:
    dock = start_dock(clock=clock, keep_days=0, keep_mb=0)
    one_of_each(dock)
    before = count(dock, *OWNED)

    dock.jump(10_000 * DAY)
    tidy(dock)

    assert count(dock, *OWNED) == before
    assert {"limit", "keepDays"} & set(stored(dock)) == set()


def test_a_clock_that_jumps_ahead_is_believed_only_after_a_while(
    timed_dock: Dock, clock: ManualClock
) -> None:
    timed_dock.deploy(echo)
    task = timed_dock.create_task()
    timed_dock.finish(task)

    clock.set(NOON + timedelta(days=365))
    tidy(timed_dock)
    assert known(timed_dock, task)
    clock.jump(11 * 60)
    tidy(timed_dock)

    assert not known(timed_dock, task)


# By size


@pytest.fixture
def small(start_dock: StartDock, clock: ManualClock) -> Dock:
    """A server that keeps one megabyte."""
    dock = start_dock(clock=clock, keep_mb=1)
    dock.deploy(echo)
    return dock


def fill(dock: Dock, tasks: int) -> list[str]:
    """Ended tasks of 100 kB each, one a second; their ids."""
    ids = []
    for _ in range(tasks):
        ids.append(dock.create_task(data={"wood": "x" * 100_000}))
        dock.finish(ids[-1])
        dock.emulator.tasks.history.write_waiting()  # its run as well, at no other moment
        dock.jump(1)
    return ids


def test_of_too_large_a_database_the_oldest_are_forgotten(small: Dock) -> None:
    small.emulator.tasks.retention.stop()  # what is too much waits until it is tidied
    ids = fill(small, 30)
    small.jump(60)
    assert stored(small)["size"] > stored(small)["limit"] == 1024 * 1024

    tidy(small)

    kept = [task for task in ids if known(small, task)]
    assert stored(small)["size"] <= 1024 * 1024
    assert kept == ids[len(ids) - len(kept) :]
    assert len(kept) >= 5, "no more than has to be"


def test_what_ended_a_moment_ago_stays_and_the_server_says_that_it_holds_too_much(
    small: Dock,
) -> None:
    ids = fill(small, 30)

    tidy(small)

    health = small.call("GET", "/health", base="")
    (trouble,) = health.json()["troubles"]
    assert all(known(small, task) for task in ids)
    assert (health.status_code, trouble["name"]) == (200, "retention")
    assert "more than the 1 MB of --keep-mb" in trouble["reason"]

    small.jump(61)
    tidy(small)

    assert small.call("GET", "/health", base="").json()["troubles"] == []
    assert stored(small)["size"] <= 1024 * 1024


def test_the_room_of_what_was_removed_is_used_again(small: Dock) -> None:
    fill(small, 20)
    small.jump(61)
    tidy(small)
    size = stored(small)["fileSize"]

    for _ in range(2):
        fill(small, 12)
        small.jump(61)
        tidy(small)

    assert stored(small)["fileSize"] <= size


def test_an_invocation_that_may_still_run_stays_as_long_as_a_function_may_run(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock, gate = start_dock(clock=clock, keep_days=0.001), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), timeLimit=300)
    caller = threading.Thread(target=lambda: invoke(dock))
    caller.start()
    dock.eventually(lambda: gate.waiting == 1)
    dock.emulator.service._log_store.write_waiting()

    clock.jump(299)
    tidy(dock)

    assert count(dock, "invocation") == {"invocation": 1}
    gate.open()
    caller.join()
    clock.jump(600)
    tidy(dock)
    assert count(dock, "invocation") == {}


# How it works


def test_a_piece_is_short_and_a_long_log_takes_many(timed_dock: Dock) -> None:
    dock = timed_dock

    def talk(event: Any, runtime: FakeRuntime) -> None:
        for number in range(3000):
            runtime.print(str(number))

    dock.deploy(talk)
    task = dock.create_task()
    dock.finish(task)
    dock.eventually(lambda: len(dock.logs(task)) >= 3000)
    dock.emulator.tasks.retention.stop()
    dock.jump(31 * DAY)

    tidy(dock, pieces=1)

    left = count(dock, "task_log")["task_log"]
    assert 2000 < left < 3100
    assert summary(dock.get(f"/{task}/logs")) == (404, 16), "nobody sees half of it"
    assert tidy(dock) > 3
    assert count(dock, "task_log") == {}


def test_lines_that_a_crash_has_left_without_their_owner_go_too(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock)
    task = one_of_each(dock)
    dock.emulator.tasks.retention.stop()
    dock.emulator.foundation.store.change("DELETE FROM task WHERE id = ?", (task,))
    dock.stop()

    again = start_dock(clock=clock)
    owned = count(again, "task_log")["task_log"]
    again.jump(DAY)
    tidy(again)

    ((lines,),) = again.emulator.foundation.store.rows(
        "SELECT COUNT(*) FROM task_log WHERE task_id = ?", (task,)
    )
    assert lines == 0
    assert 0 < count(again, "task_log")["task_log"] < owned


def deploy_talker(dock: Dock, gate: Gate) -> None:
    """An API function that prints a line, and then waits."""

    def talk(event: Any, runtime: FakeRuntime) -> Json:
        runtime.print("sawdust")
        gate.pass_(runtime)
        return {"statusCode": 200}

    dock.deploy(talk)


def call_talker(dock: Dock, gate: Gate) -> threading.Thread:
    """Its caller; the line is written."""
    caller = threading.Thread(target=lambda: dock.call("GET", f"/api/{NAME}/"))
    caller.start()
    dock.eventually(lambda: gate.waiting == 1)
    dock.eventually(lambda: count(dock, "task_log"))
    return caller


def test_lines_of_what_still_runs_are_not_taken_for_lost(timed_dock: Dock) -> None:
    dock, gate = timed_dock, Gate()

    deploy_talker(dock, gate)
    caller = call_talker(dock, gate)

    tidy(dock)

    assert count(dock, "task_log")
    gate.open()
    caller.join()
    (request,) = dock.get("/apiRequests").json()["data"]
    logs = dock.get(f"/apiRequests/{request['id']}/logs").json()["data"]
    assert "sawdust" in [line["message"] for line in logs]


def test_lines_of_what_cannot_be_written_yet_are_not_taken_for_lost(
    timed_dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, gate = timed_dock, Gate()
    write = Store.change

    def refuse(store: Store, statement: str, values: Any = ()) -> int:
        if statement == api_requests._INSERT:
            raise OSError("the disk is full")
        return write(store, statement, values)

    deploy_talker(dock, gate)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "change", refuse)
        caller = call_talker(dock, gate)
        gate.open()
        caller.join()
        dock.eventually(lambda: dock.emulator.tasks.unwritten.owners)
        for _ in range(3):  # hours, and not all at once: that would be a clock that was set
            dock.jump(40 * 60.0)
            tidy(dock)

    (request,) = dock.eventually(lambda: dock.get("/apiRequests").json()["data"])
    logs = dock.get(f"/apiRequests/{request['id']}/logs").json()["data"]
    assert "sawdust" in [line["message"] for line in logs]


def test_lines_of_what_runs_while_the_machine_sleeps_are_not_taken_for_lost(
    timed_dock: Dock,
) -> None:
    dock, gate = timed_dock, Gate()

    deploy_talker(dock, gate)
    caller = call_talker(dock, gate)
    assert isinstance(dock.clock, ManualClock)

    dock.clock.set(dock.clock.now() + timedelta(hours=8))
    tidy(dock)

    assert count(dock, "task_log")
    gate.open()
    caller.join()


def test_a_log_whose_task_is_forgotten_while_it_is_read_is_not_found(timed_dock: Dock) -> None:
    dock = timed_dock
    task = one_of_each(dock)
    dock.jump(31 * DAY)
    log_store = dock.emulator.service._log_store
    read = log_store.read

    def read_slowly(*args: Any, **options: Any) -> Any:
        tidy(dock)
        return read(*args, **options)

    log_store.read = read_slowly  # type: ignore[method-assign]

    assert summary(dock.get(f"/{task}/logs")) == (404, 16)


def test_it_works_by_itself_while_the_server_serves(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock)
    task = one_of_each(dock)
    clock.jump(31 * DAY)

    dock.emulator.tasks.retention.wake()

    eventually(lambda: not known(dock, task))
    eventually(lambda: count(dock, *OWNED) == {})


def test_a_database_that_refuses_is_told_and_works_again_later(
    timed_dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = timed_dock
    one_of_each(dock)
    dock.emulator.tasks.retention.stop()
    dock.jump(31 * DAY)
    with monkeypatch.context() as patch:
        patch.setattr(Retention, "_remove", _refuse)
        with pytest.raises(OSError, match="full"):
            tidy(dock)

    (trouble,) = dock.call("GET", "/health", base="").json()["troubles"]
    assert "the disk is full" in trouble["reason"]

    tidy(dock)

    assert dock.call("GET", "/health", base="").json()["troubles"] == []
    assert count(dock, *OWNED) == {}


def _refuse(*_: Any) -> None:
    raise OSError("the disk is full")


def test_code_of_before_an_update_is_removed_an_hour_later(timed_dock: Dock) -> None:
    dock = timed_dock
    dock.deploy(echo)
    folder = dock.emulator.foundation.data / "code"
    (old,) = (path for path in folder.iterdir() if path.is_dir())
    tidy(dock)

    code = base64_of(zip_of({"index.py": "def handler(event, context): return 2\n"}))
    assert dock.put(f"/functions/{NAME}", {"code": code}).status_code == 200
    tidy(dock)
    dock.jump(3599)
    tidy(dock)
    assert old.is_dir()
    dock.jump(1)
    tidy(dock)

    assert not old.exists()
    assert dock.execute().status_code == 200


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}-{kind.ended[:20]}")
def test_the_oldest_are_found_by_an_index_however_many_there_are(
    store: Store, monkeypatch: pytest.MonkeyPatch, kind: RecordKind
) -> None:
    rows, asked = store.rows, []

    def ask(statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        asked.append((statement, values))
        return rows(statement, values)

    monkeypatch.setattr(store, "rows", ask)

    retained.ended(store, kind, NOON, 200)
    retained.oldest(store, kind, NOON)

    for statement, values in asked:
        plan = [row[3] for row in rows(f"EXPLAIN QUERY PLAN {statement}", values)]
        assert plan[0].startswith(f"SEARCH {kind.table} USING")
        assert not any("TEMP B-TREE" in step for step in plan), plan


def test_a_write_ahead_log_that_a_reader_keeps_large_is_emptied_when_it_has_gone(
    store: Store,
) -> None:
    with closing(sqlite3.connect(store.db.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM event").fetchall()
        for number in range(300):
            row = (f"{number:024}", "task_failed", f'"{"x" * 1000}"', 0, 0)
            store.change("INSERT INTO event VALUES (?, ?, ?, ?, ?)", row)

        size.keep_log_small(store, 100_000)
        assert size.measure(store).log > 100_000
    size.keep_log_small(store, 100_000)

    assert size.measure(store).log == 0
    assert store.rows("SELECT COUNT(*) FROM event") == [(300,)]
    assert store.rows("PRAGMA busy_timeout") == [(10_000,)]


# What status says


def test_the_status_says_what_is_kept_and_what_was_removed(timed_dock: Dock) -> None:
    dock = timed_dock
    one_of_each(dock)
    lines = count(dock, "task_log")["task_log"]

    before = stored(dock)
    dock.jump(31 * DAY)
    tidy(dock)
    after = stored(dock)

    assert before["oldestTimestamp"] == to_iso(NOON)
    assert (before["limit"], before["keepDays"]) == (1024 * 1024 * 1024, 30)
    assert 0 < before["size"] <= before["fileSize"]
    assert set(before["removed"].values()) == {0}
    assert "oldestTimestamp" not in after
    assert after["removed"] == {
        "tasks": 1,
        "apiRequests": 1,
        "invocations": 2,
        "events": 0,
        "logLines": lines,
    }


def test_the_rest_after_a_piece_is_as_long_as_the_disk_took_whatever_the_clock_says(
    timed_dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = timed_dock.emulator.tasks.retention
    retention.stop()
    retention._stopping.clear()

    def remove_piece(_: Any) -> bool:
        timed_dock.jump(3600)
        return True

    monkeypatch.setattr(retention, "_remove_piece", remove_piece)
    with ThreadPoolExecutor() as pool:
        turn = pool.submit(retention.run_once)
        try:
            assert turn.result(LIMIT) == 0.0
        finally:
            retention._stopping.set()
