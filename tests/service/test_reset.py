"""A reset: what tests have had done is gone, and what they have deployed is still warm."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests

from taskdock.base.timing.clock import SystemClock, to_iso
from taskdock.base.timing.harness_clock import HarnessClock, Mode
from taskdock.base.timing.limits import Limits
from taskdock.tasks.events.webhook_client import WebhookClient
from taskdock.tasks.retention.wipe import wipe
from taskdock.testing.clock import NOON, ManualClock
from tests.support.builders import Dock, Gate, Json, StartDock, summary

NOTHING = dict.fromkeys(
    (
        *("tasks", "schedules", "events", "subscriptions", "invocations", "apiRequests"),
        *("logLines", "runs", "doubles", "faults", "ended"),
    ),
    0,
)
TABLES = (
    *("task", "task_tag", "task_log", "schedule", "schedule_run", "event", "subscription"),
    *("delivery", "api_request", "invocation", "backlog", "run"),
)


def answer_to_reset(dock: Dock, body: Json | None = None) -> requests.Response:
    return dock.call("POST", "/reset", base="/taskdock", json=body)


def reset(dock: Dock, **body: Any) -> Json:
    answer = answer_to_reset(dock, body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def rows(dock: Dock) -> dict[str, int]:
    """How many rows each table has that a reset empties, as far as it has any."""
    store = dock.emulator.foundation.store
    counts = {table: store.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in TABLES}
    return {table: count for table, count in counts.items() if count}


def write_waiting(dock: Dock) -> None:
    """Log lines and runs that the server would write a moment later."""
    dock.emulator.tasks.log_store.write_waiting()
    dock.emulator.tasks.history.write_waiting()


def invoke(dock: Dock, kind: str = "RequestResponse") -> requests.Response:
    return dock.call(
        "POST",
        "/functions/walnut-table/invocations",
        base="/2015-03-31",
        data=b"{}",
        headers={"X-Amz-Invocation-Type": kind},
    )


def fill(dock: Dock) -> None:
    """Leaves a row in each table."""

    def work(event: Any, runtime: Any) -> Any:
        runtime.print("at work")
        if event.get("data") == {"fail": True}:
            raise ValueError("a leg is missing")
        return {"statusCode": 200}

    dock.deploy(work)
    dock.finish(dock.create_task(data={}, tags=["oak"]))
    failing = dock.create_task(data={"fail": True})
    subscription = {"eventTypes": ["task_failed"], "functionName": "walnut-table"}
    dock.call("POST", "/subscriptions", base="/events/v1", json=subscription).raise_for_status()
    dock.reach(failing, "failed")
    dock.create_task(startTimestamp="2100-01-01T00:00:00Z")
    dock.service.post(
        "/schedules",
        {"functionName": "walnut-table", "interval": 3600},
    )
    assert dock.get("/api/walnut-table/items").status_code == 200
    assert invoke(dock).status_code == 200
    assert invoke(dock, "Event").status_code == 202
    parts = dock.emulator.tasks
    dock.eventually(lambda: not rows(dock).get("backlog"))
    dock.eventually(lambda: not (parts.dispatcher.is_busy or parts.worker.is_busy))
    write_waiting(dock)


def test_everything_but_functions_and_their_environments_is_gone(dock: Dock) -> None:
    fill(dock)
    warm = [slot.id for slot in dock.pool.snapshot()]
    had = rows(dock)

    removed = reset(dock)

    assert rows(dock) == {}
    assert removed["tasks"] == had["task"] >= 4
    assert removed["logLines"] >= 4
    assert {name for name, count in removed.items() if count} == {
        *("tasks", "schedules", "events", "subscriptions", "invocations", "apiRequests"),
        *("logLines", "runs"),
    }
    assert [slot.id for slot in dock.pool.snapshot()] == warm
    assert dock.execute().status_code == 200
    assert [slot.id for slot in dock.pool.snapshot()] == warm


def test_a_server_with_nothing_to_forget_says_so(dock: Dock) -> None:
    assert answer_to_reset(dock).json() == NOTHING


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        (["tasks"], {"task", "task_tag", "task_log"}),
        (["schedules"], {"schedule", "schedule_run"}),
        (["events", "subscriptions"], {"event", "subscription"}),
        (["invocations"], {"invocation", "task_log"}),
        (["apiRequests"], {"api_request", "task_log"}),
        (["runs"], {"run"}),
    ],
)
def test_what_is_to_be_kept_stays_with_its_log(dock: Dock, keep: list[str], stay: set[str]) -> None:
    fill(dock)
    dock.eventually(lambda: not dock.emulator.tasks.worker.is_busy)

    removed = reset(dock, keep=keep)

    assert set(rows(dock)) == stay
    assert not any(removed[name] for name in keep)


def test_what_runs_may_finish(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    dock.create_task()
    dock.eventually(lambda: gate.waiting)

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(reset, dock, grace=60)
        dock.eventually(lambda: dock.emulator.tasks.webhook_sender._holds)
        gate.open()
        removed = answer.result(30)

    assert (removed["tasks"], removed["ended"]) == (1, 0)
    assert ("task_completed", "walnut-table") in [
        (name, facts.get("function")) for name, facts in dock.notices
    ]
    assert len(dock.states()) == 1


def test_what_does_not_finish_in_time_is_ended_and_leaves_nothing(dock: Dock) -> None:
    gate = Gate()

    def work(event: Any, runtime: Any) -> None:
        runtime.print("begun")
        gate.pass_(runtime)
        runtime.print("never printed")

    dock.deploy(work, retryPolicy={"enabled": True})
    dock.create_task()
    dock.eventually(lambda: gate.waiting)

    removed = reset(dock, grace=0)

    gate.open()
    assert (removed["tasks"], removed["ended"]) == (1, 1)
    dock.eventually(lambda: not dock.emulator.tasks.worker.is_busy)
    write_waiting(dock)
    assert rows(dock) == {}
    assert dock.service.tasks() == []
    assert "claim_lost" not in [name for name, _ in dock.notices]


def test_whoever_waits_for_an_ended_run_is_told_why(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))

    with ThreadPoolExecutor(3) as threads:
        executed = threads.submit(dock.execute)
        called = threads.submit(dock.get, "/api/walnut-table/items")
        invoked = threads.submit(invoke, dock)
        dock.eventually(lambda: gate.waiting == 3)
        removed = reset(dock, grace=0)
        answers = [each.result(30) for each in (executed, called, invoked)]

    assert removed["ended"] == 3
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    for answer in answers:
        assert "a reset of the server has ended it" in answer.text
    write_waiting(dock)
    assert rows(dock) == {}


def test_a_call_that_waits_for_memory_is_ended_too(start_dock: StartDock) -> None:
    dock = start_dock(memory_budget=128, concurrency=4)
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime), memoryLimit=128)
    dock.deploy(lambda event, runtime: 1, "oak-chair", memoryLimit=128)
    dock.create_task()
    dock.eventually(lambda: gate.waiting)

    with ThreadPoolExecutor(1) as thread:
        waits = thread.submit(dock.execute, "oak-chair")
        dock.eventually(dock.pool.waiting)
        removed = reset(dock, grace=0)
        answer = waits.result(30)

    assert removed["ended"] == 2
    assert summary(answer) == (503, 1405)
    assert rows(dock) == {}
    dock.eventually(lambda: dock.execute("oak-chair").status_code == 200)


def test_the_next_task_runs_after_a_reset(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: 1)

    for _ in range(3):
        reset(dock)
        assert dock.finish(dock.create_task())["status"] == "complete"


def test_nothing_that_was_due_later_comes(start_dock: StartDock) -> None:
    clock = ManualClock()
    dock = start_dock(clock=clock)
    ran: list[Any] = []
    dock.deploy(lambda event, runtime: ran.append(event))
    dock.service.post("/schedules", {"functionName": "walnut-table", "interval": 60})
    dock.eventually(lambda: ran)
    dock.create_task(startTimestamp="2100-01-01T00:00:00Z")
    before = clock.now()

    reset(dock)

    ran.clear()
    assert clock.now() == before
    dock.jump(3600)
    assert (ran, rows(dock)) == ([], {})


def test_a_task_that_is_made_meanwhile_is_there_or_gone(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.print("ran"))
    over = threading.Event()

    def make() -> None:
        while not over.is_set():
            assert dock.post("/", {"functionName": "walnut-table", "tags": ["a"]}).ok
            assert dock.execute().ok

    with ThreadPoolExecutor(2) as threads:
        makers = [threads.submit(make) for _ in range(2)]
        for _ in range(20):
            reset(dock, grace=30)
        over.set()
        for maker in makers:
            maker.result(30)

    for task in dock.service.tasks():
        dock.finish(task["id"])
    dock.emulator.tasks.log_store.write_waiting()
    store = dock.emulator.foundation.store
    unowned = "SELECT COUNT(*) FROM {} WHERE task_id NOT IN (SELECT id FROM task)"
    assert [store.rows(unowned.format(table)) for table in ("task_log", "task_tag")] == [[(0,)]] * 2


class _Silent(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.met.set()  # type: ignore[attr-defined]
        self.server.over.wait(30)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass


def passes_while_it_runs(dock: Dock, ask: Callable[[], requests.Response]) -> None:
    """A call that the server answers although a reset has come while it ran: so does one that
    begins during a reset."""
    parts = dock.emulator.tasks

    def work(event: Any, runtime: Any) -> Any:
        runtime.print("before")
        with parts.log_store.resetting():
            wipe(dock.emulator.foundation.store, ())
            parts.history.clear()
        runtime.print("behind")
        return {"statusCode": 200}

    dock.deploy(work)

    answer = ask()

    assert answer.status_code == 200, answer.text
    assert dock.emulator.lambdas.invoker.await_idle(30)
    write_waiting(dock)
    assert rows(dock) == {}
    assert "claim_lost" not in [name for name, _ in dock.notices]


def test_an_execution_during_a_reset_leaves_nothing(dock: Dock) -> None:
    passes_while_it_runs(dock, dock.execute)


def test_an_api_request_during_a_reset_leaves_nothing(dock: Dock) -> None:
    passes_while_it_runs(dock, lambda: dock.get("/api/walnut-table/items"))


def test_an_invocation_during_a_reset_leaves_nothing(dock: Dock) -> None:
    passes_while_it_runs(dock, lambda: invoke(dock))


def is_held(lock: Any) -> bool:
    """Whether another thread has it."""
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False


def test_no_reset_comes_between_a_row_and_its_log(dock: Dock) -> None:
    """Else the lines of a task that is gone would stay."""
    parts, store = dock.emulator.tasks, dock.emulator.foundation.store
    with ThreadPoolExecutor(1) as thread, parts.log_store.opening("0" * 24) as log:
        resetting = thread.submit(reset, dock)
        dock.eventually(lambda: resetting.done() or is_held(parts.log_store._writing))
        store.change("INSERT INTO task_tag VALUES (?, 0, 'a')", ("0" * 24,))
        assert not log.is_void
        assert not resetting.done()

    assert resetting.result(30)["ended"] == 0
    assert log.is_void
    assert rows(dock) == {}


def test_two_resets_at_a_time_come_one_after_the_other(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: 1)
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            dock.finish(dock.create_task())
            removed = list(threads.map(lambda _: reset(dock), range(4)))
            assert sum(each["tasks"] for each in removed) == 1

    assert dock.finish(dock.create_task())["status"] == "complete"


def test_a_webhook_that_does_not_answer_holds_up_no_reset(dock: Dock) -> None:
    dock.emulator.tasks.webhook_sender._caller = WebhookClient(limit=120)
    server = HTTPServer(("127.0.0.1", 0), _Silent)
    server.met, server.over = threading.Event(), threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    made = {"eventTypes": ["task_failed"], "url": url}
    dock.call("POST", "/subscriptions", base="/events/v1", json=made).raise_for_status()
    dock.create_task("unknown-function")
    assert server.met.wait(30)  # type: ignore[attr-defined]

    removed = reset(dock, grace=0)

    server.over.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()
    assert (removed["subscriptions"], rows(dock)) == (1, {})
    assert "claim_lost" not in [name for name, _ in dock.notices]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"keep": ["functions"]},
            "keep: there is no 'functions'; there are tasks, schedules, events,",
        ),
        ({"grace": -1}, "grace has to be a number from 0 to 900, not -1"),
        ({"grace": "soon"}, 'grace has to be a number from 0 to 900, not "soon"'),
        ({"mode": "fast"}, "mode: there is no 'fast'; there are real, manual, auto"),
        ({"mode": "auto"}, "start it with --clock auto"),
    ],
)
def test_a_reset_that_means_nothing_says_what_to_write_and_removes_nothing(
    shared: Dock, body: Json, message: str
) -> None:
    task = shared.create_task(startTimestamp="2100-01-01T00:00:00Z")

    answer = answer_to_reset(shared, body)

    assert summary(answer) == (400, 15)
    assert message in answer.json()["message"]
    assert shared.task(task)["status"] == "new"


def test_a_database_that_another_program_holds_is_not_half_reset(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(lock_patience=0.2))
    fill(dock)
    had = rows(dock)
    other = sqlite3.connect(dock.emulator.foundation.store.path)
    other.execute("BEGIN IMMEDIATE")

    answer = answer_to_reset(dock)

    other.rollback()
    other.close()
    assert answer.status_code == 503
    assert rows(dock) == had
    assert reset(dock)["tasks"] == had["task"]


def now(dock: Dock) -> datetime:
    shown = dock.call("GET", "/clock", base="/taskdock").json()["now"]
    return datetime.fromisoformat(shown.replace("Z", "+00:00"))


def machine() -> datetime:
    return SystemClock().now()


@pytest.mark.parametrize("mode", ["auto", "manual", "real"])
def test_a_clock_that_was_moved_begins_anew_at_the_machines_time(
    start_dock: StartDock, mode: str
) -> None:
    dock = start_dock(clock=HarnessClock(Mode.MANUAL))
    dock.call("POST", "/clock", base="/taskdock", json={"advance": "365d"})
    before = machine()

    reset(dock, mode=mode)

    assert before <= now(dock) <= machine()


def test_what_a_moved_clock_has_left_harms_no_test_after_it(start_dock: StartDock) -> None:
    dock = start_dock(clock=HarnessClock(Mode.AUTO))
    dock.deploy(lambda event, runtime: runtime.print("walnut"))
    dock.service.post("/schedules/", {"functionName": "walnut-table", "interval": 86_400})
    dock.call("POST", "/clock", base="/taskdock", json={"advance": "30d"})

    reset(dock)
    soon = to_iso(machine() + timedelta(hours=1))
    task = dock.service.create("walnut-table", startTimestamp=soon)
    attempts = dock.call("GET", f"/tasks/{task}/wait", base="/taskdock").json()["attempts"]

    assert [(each["status"], each["statusChangedTimestamp"]) for each in attempts] == [
        ("complete", soon)
    ]


def test_a_clock_stays_where_something_with_a_time_is_kept(start_dock: StartDock) -> None:
    dock = start_dock(clock=HarnessClock(Mode.MANUAL))
    dock.call("POST", "/clock", base="/taskdock", json={"advance": "365d"})
    moved = now(dock)

    reset(dock, keep=["tasks"])
    assert now(dock) == moved

    reset(dock, keep=["doubles", "faults"])
    assert now(dock) < moved


def test_a_clock_of_a_tests_own_begins_anew_where_it_began(timed_dock: Dock) -> None:
    timed_dock.call("POST", "/clock", base="/taskdock", json={"advance": "365d"})

    reset(timed_dock)

    assert now(timed_dock) == NOON


def test_many_moves_and_resets_leave_threads_for_others(timed_dock: Dock) -> None:
    gate = Gate()
    timed_dock.deploy(lambda event, runtime: gate.pass_(runtime))
    timed_dock.service.create("walnut-table")
    timed_dock.eventually(lambda: gate.waiting)  # else moves end before it begins
    moves = [("/clock", {"advance": 1}), ("/reset", {"grace": 60})]

    def call(number: int) -> int:
        path, body = moves[number % 2]
        return timed_dock.call("POST", path, base="/taskdock", json=body).status_code

    with ThreadPoolExecutor(40) as threads:
        answers = [threads.submit(call, number) for number in range(40)]
        timed_dock.eventually(lambda: sum(each.done() for each in answers) >= 40 - 2 * 8)
        assert timed_dock.call("GET", "/status", base="").status_code == 200
        gate.opened.set()

    codes = [each.result() for each in answers]
    assert set(codes) == {200, 429}
    assert codes.count(429) == 40 - 2 * 8
