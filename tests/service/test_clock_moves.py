"""The clock that tests move: all that waits comes at its time and in its order, and what cannot be
done is said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest
import requests

from taskdock.base.errors import ExpiredAccessToken
from taskdock.base.timing.clock import SystemClock, to_epoch, to_iso
from taskdock.base.timing.limits import Limits
from taskdock.tasks.agenda.driver import Driver
from taskdock.testing import FakeEngine, Settings, running
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.aws import lambda_client
from tests.support.builders import LIMIT, Dock, Gate, Json, StartDock, summary
from tests.support.hook import Hook, answer

ALWAYS = {"enabled": True}
DAY = 24 * 3600
NAME = "walnut-table"


class Splinter(Exception):
    """An error with a memorable name."""


def splinter(event: Any, runtime: FakeRuntime) -> None:
    raise Splinter("in the thumb")


def nothing(event: Any, runtime: FakeRuntime) -> None: ...


def iso(seconds: float) -> str:
    """So many seconds after noon, where the clocks of these tests begin."""
    return to_iso(NOON + timedelta(seconds=seconds))


def move(dock: Dock, **verb: Any) -> requests.Response:
    return dock.call("POST", "/clock", base="/taskdock", json=verb)


def moved(dock: Dock, **verb: Any) -> Json:
    shown = move(dock, **verb)
    assert shown.status_code == 200, shown.text
    return dict(shown.json())


def clock_of(dock: Dock) -> Json:
    shown = dock.call("GET", "/clock", base="/taskdock")
    assert shown.status_code == 200, shown.text
    return dict(shown.json())


def wait(dock: Dock, task: str, timeout: object = LIMIT) -> requests.Response:
    return dock.call("GET", f"/tasks/{task}/wait?timeout={timeout}", base="/taskdock")


def waited(dock: Dock, task: str, timeout: object = LIMIT) -> Json:
    shown = wait(dock, task, timeout)
    assert shown.status_code == 200, shown.text
    return dict(shown.json())


def schedule(dock: Dock, **fields: Any) -> str:
    body = {"functionName": NAME, "interval": DAY, **fields}
    return str(dock.service.post("/schedules/", body)["id"])


def subscribe(dock: Dock, hook: Hook) -> None:
    body = {"eventTypes": ["task_failed"], "url": hook.url}
    assert dock.call("POST", "/subscriptions", base="/events/v1", json=body).ok


def times(tasks: list[Json]) -> list[tuple[str, str]]:
    """When each was to start, and when it ended."""
    return [(task["startTimestamp"], task["statusChangedTimestamp"]) for task in tasks]


def driver_of(dock: Dock) -> Driver:
    return dock.emulator.agenda.driver


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


# What is due comes at its time


def test_a_week_is_seven_daily_runs_each_at_its_time(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    schedule(timed_dock, startTimestamp=iso(DAY))

    now = moved(timed_dock, advance="7d")["now"]

    tasks = timed_dock.service.tasks("sort(startTimestamp)")
    assert now == iso(7 * DAY)
    assert {task["status"] for task in tasks} == {"complete"}
    assert times(tasks) == [(iso(day * DAY), iso(day * DAY)) for day in range(1, 8)]


def test_retries_come_at_exactly_their_times(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    timed_dock.create_task()

    moved(timed_dock, advance=3600)

    tasks = timed_dock.service.tasks("sort(startTimestamp)")
    assert times(tasks) == [(iso(at), iso(at)) for at in (0, 2, 7, 17)]
    assert [task["status"] for task in tasks] == ["retried", "retried", "retried", "failed"]


def test_one_task_has_ended_before_the_next_is_due(timed_dock: Dock) -> None:
    seen: list[tuple[str, str]] = []

    def note(event: Any, runtime: FakeRuntime) -> None:
        seen.append(("begins", event["startTimestamp"]))
        Event().wait(0.02)  # the next one would begin meanwhile
        seen.append(("ends", event["startTimestamp"]))

    timed_dock.deploy(note)
    for second in (3, 1, 2):
        timed_dock.create_task(startTimestamp=iso(second))

    moved(timed_dock, moveTo=iso(10))

    assert seen == [(what, iso(at)) for at in (1, 2, 3) for what in ("begins", "ends")]


def test_it_runs_until_nothing_waits_but_schedules(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    schedule(timed_dock, startTimestamp=iso(60), interval=60)
    timed_dock.create_task(startTimestamp=iso(150))

    shown = moved(timed_dock, runUntilIdle=True)

    assert shown["now"] == iso(150)
    assert [(due["kind"], due["at"]) for due in shown["due"]] == [("schedule", iso(180))]
    assert len(timed_dock.service.tasks("eq(status,complete)")) == 3


def test_what_is_due_is_listed_by_time_with_its_kind(timed_dock: Dock, hook: Hook) -> None:
    hook.behaviours = [partial(answer, status=500)]
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    timed_dock.deploy(splinter, "oak-chair")
    subscribe(timed_dock, hook)
    timed_dock.create_task("gone")
    aws = lambda_client(timed_dock.url)
    aws.invoke(FunctionName="oak-chair", InvocationType="Event", Payload=b"{}")
    aws.close()
    timed_dock.create_task()
    schedule(timed_dock, startTimestamp=iso(300))
    later = timed_dock.create_task(startTimestamp=iso(90))

    shown = moved(timed_dock, advance=0)["due"]

    assert [(due["kind"], due["at"]) for due in shown] == [
        ("delivery", iso(1)),
        ("retry", iso(2)),
        ("event", iso(60)),
        ("task", iso(90)),
        ("schedule", iso(300)),
    ]
    assert shown[3]["id"] == later
    assert shown[2]["functionName"] == "oak-chair"


def test_a_failed_event_is_tried_again_after_one_minute_and_then_two(timed_dock: Dock) -> None:
    seen: list[str] = []

    def fail(event: Any, runtime: FakeRuntime) -> None:
        seen.append(to_iso(timed_dock.emulator.foundation.clock.now()))
        raise Splinter

    timed_dock.deploy(fail)
    aws = lambda_client(timed_dock.url)
    aws.invoke(FunctionName=NAME, InvocationType="Event", Payload=b"{}")
    aws.close()

    moved(timed_dock, advance="6h")

    assert seen == [iso(0), iso(60), iso(180)]


def test_a_webhook_that_fails_is_called_again_at_its_times(timed_dock: Dock, hook: Hook) -> None:
    seen: list[str] = []

    def refuse(request: BaseHTTPRequestHandler) -> None:
        seen.append(to_iso(timed_dock.emulator.foundation.clock.now()))
        answer(request, 500)

    hook.behaviours = [refuse] * 4
    timed_dock.deploy(splinter)
    subscribe(timed_dock, hook)
    timed_dock.create_task()

    moved(timed_dock, runUntilIdle=True)

    assert seen == [iso(0), iso(1), iso(6)]


def test_an_access_token_ends_with_its_life(timed_dock: Dock) -> None:
    tokens = timed_dock.emulator.directory.tokens
    application = tokens.create_application("walnut", "")
    token = tokens.issue_access(tokens.issue_refresh("a" * 24, application), application)

    moved(timed_dock, advance="5m")

    with pytest.raises(ExpiredAccessToken):
        tokens.bearer(token.token)


def test_what_is_made_while_time_passes_is_not_lost(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    schedule(timed_dock, interval=3600)

    with ThreadPoolExecutor(2) as threads:
        long = threads.submit(moved, timed_dock, advance="4d")
        made = [timed_dock.create_task() for _ in range(30)]
        long.result()

    assert {timed_dock.finish(task)["status"] for task in made} == {"complete"}


# What does not go by this clock


def test_environments_stay_warm_over_years(start_dock: StartDock, clock: ManualClock) -> None:
    dock = start_dock(clock=clock, keep_days=0)
    dock.deploy(nothing)
    dock.execute()
    schedule(dock, startTimestamp=iso(100 * DAY), interval=100 * DAY)

    moved(dock, advance="1099d")
    dock.emulator.lambdas.reaper.run_once()  # 99 days after the last run
    dock.execute()

    assert len(dock.service.tasks("limit(50)")) == 12
    assert len(dock.fake.started) == 1
    assert dock.states() in (["ready"], ["frozen"])


def test_the_deadline_of_a_function_is_real_time(timed_dock: Dock) -> None:
    deadlines: list[int] = []

    def program(runtime: FakeRuntime) -> None:
        headers, _ = runtime._call("GET", "/invocation/next")
        deadlines.append(int(headers["Lambda-Runtime-Deadline-Ms"]))
        runtime.answer(None, headers["Lambda-Runtime-Aws-Request-Id"])
        runtime.hang()

    timed_dock.deploy_program(program, timeLimit=30)
    before = to_epoch(SystemClock().now())

    timed_dock.execute()

    assert before + 30_000 <= deadlines[0] <= to_epoch(SystemClock().now()) + 30_000


def test_the_lines_of_a_log_have_the_times_of_its_task(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: runtime.print("sanded"))
    task = timed_dock.create_task(startTimestamp=iso(10 * DAY))

    moved(timed_dock, advance="11d")

    lines = timed_dock.get(f"/{task}/logs").json()["data"]
    assert "sanded" in [line["message"] for line in lines]
    assert iso(10 * DAY) == lines[-1]["timestamp"]


def test_many_days_that_pass_have_no_task_look_lost(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock, keep_days=0)
    dock.deploy(nothing)

    with ThreadPoolExecutor(4) as threads:
        executed = [threads.submit(dock.execute) for _ in range(50)]
        made = [threads.submit(dock.create_task) for _ in range(50)]
        for _ in range(100):
            driver_of(dock).advance(timedelta(days=1))

    assert {future.result().status_code for future in executed} == {200}
    assert {dock.finish(future.result())["status"] for future in made} == {"complete"}


def test_housekeeping_hears_of_a_move_at_its_end(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    task = timed_dock.create_task(startTimestamp=iso(DAY))
    timed_dock.emulator.foundation.store.change(
        "UPDATE task SET status = 'inProgress', claimed_by = 'gone' WHERE id = ?", (task,)
    )  # as a server that is gone has left it

    moved(timed_dock, advance="10m")

    assert timed_dock.finish(task)["error"]["name"] == "zombieTaskCleaned"


def test_a_jump_of_days_between_claim_and_begin_has_no_task_look_lost(
    timed_dock: Dock, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks, claimed, goes_on = timed_dock.emulator.tasks, Event(), Event()
    begin = tasks.worker.begin

    def late(*arguments: Any) -> None:
        claimed.set()
        goes_on.wait(LIMIT)
        begin(*arguments)

    monkeypatch.setattr(tasks.worker, "begin", late)
    timed_dock.deploy(nothing)
    task = timed_dock.create_task()
    assert claimed.wait(LIMIT)

    clock.move_to(clock.now() + timedelta(days=1))
    tasks.rescuer.rescue(timedelta(minutes=5))
    goes_on.set()

    assert timed_dock.finish(task)["status"] == "complete"


def test_the_clock_is_not_moved_over_what_has_just_become_due(timed_dock: Dock) -> None:
    mover, clock = driver_of(timed_dock)._mover, timed_dock.emulator.foundation.clock
    timed_dock.deploy(nothing)
    timed_dock.emulator.tasks.worker.hold(LIMIT)
    timed_dock.create_task()

    has_moved = mover.jump(clock, lambda look: NOON + timedelta(days=1))

    assert not has_moved
    assert clock.now() == NOON
    timed_dock.emulator.tasks.worker.go_on()


# Waiting


def test_a_wait_in_mode_auto_has_time_pass(timed_dock: Dock) -> None:
    moved(timed_dock, mode="auto")
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    first = timed_dock.create_task()

    found = waited(timed_dock, first)

    assert found["ended"] is True
    assert times(found["attempts"]) == [(iso(at), iso(at)) for at in (0, 2, 7, 17)]
    assert found["attempts"][0]["id"] == first
    assert clock_of(timed_dock)["now"] == iso(17)


def test_time_stands_still_while_nobody_waits(timed_dock: Dock) -> None:
    moved(timed_dock, mode="auto")
    timed_dock.deploy(nothing)
    schedule(timed_dock, startTimestamp=iso(1), interval=1)
    late = timed_dock.create_task(startTimestamp=iso(10.5))
    waited(timed_dock, late)

    again = [clock_of(timed_dock) for _ in range(5)]

    assert {each["now"] for each in again} == {iso(10.5)}
    assert len(timed_dock.service.tasks("eq(status,complete)")) == 11


def test_any_attempt_leads_to_all_of_them(timed_dock: Dock) -> None:
    moved(timed_dock, mode="auto")
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    all_of_them = waited(timed_dock, timed_dock.create_task())["attempts"]

    for attempt in all_of_them:
        assert waited(timed_dock, attempt["id"])["attempts"] == all_of_them


def test_a_wait_that_can_never_end_fails_at_once_with_what_is_due_when(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)

    refusal = wait(timed_dock, timed_dock.create_task())

    assert summary(refusal) == (409, 1902)
    body = refusal.json()
    retry = timed_dock.service.tasks("eq(status,new)")[0]["id"]
    assert body["name"] == "CLOCK_STANDS_STILL_EXCEPTION"
    assert f"due next: retry {retry} of {NAME} in 2 s" in body["message"]
    assert clock_of(timed_dock)["now"] == iso(0)


def test_a_wait_ends_with_the_function_though_the_clock_stands_still(timed_dock: Dock) -> None:
    gate = Gate()
    timed_dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task = timed_dock.create_task()

    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(waited, timed_dock, task)
        timed_dock.eventually(lambda: gate.waiting)
        gate.open()

    assert [each["status"] for each in found.result()["attempts"]] == ["complete"]


def test_a_wait_on_a_canceled_task_ends(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    task = timed_dock.create_task(startTimestamp=iso(60))
    timed_dock.post(f"/{task}/cancel")

    assert waited(timed_dock, task)["attempts"][0]["status"] == "canceled"


def test_a_wait_by_the_machines_clock_ends_with_the_task(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task = dock.create_task()

    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(waited, dock, task)
        dock.eventually(lambda: gate.waiting)
        gate.open()

    assert found.result()["ended"] is True


def test_a_wait_says_when_its_time_was_over_before_the_task(dock: Dock) -> None:
    dock.deploy(splinter, retryPolicy=ALWAYS)

    found = waited(dock, dock.create_task(), timeout=0)

    assert found["ended"] is False
    assert found["attempts"][0]["status"] in ("new", "inProgress", "retried")


@pytest.mark.parametrize("timeout", ["soon", "-1", "nan", "inf", "1e9", ""])
def test_a_timeout_that_is_none_is_refused(dock: Dock, timeout: str) -> None:
    dock.deploy(nothing)

    refusal = wait(dock, dock.create_task(), timeout)

    assert summary(refusal) == (400, 15)
    assert "no number of seconds from 0 to 900" in refusal.json()["message"]


@pytest.mark.parametrize(("task", "answer"), [("f" * 24, (404, 16)), ("walnut", (400, 12))])
def test_a_wait_on_what_is_no_task_is_refused(
    shared: Dock, task: str, answer: tuple[int, int]
) -> None:
    assert summary(wait(shared, task)) == answer


def test_a_wait_ends_when_its_task_is_reset(timed_dock: Dock) -> None:
    gate = Gate()
    timed_dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task = timed_dock.create_task()

    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(wait, timed_dock, task)
        timed_dock.eventually(lambda: gate.waiting)
        timed_dock.call("POST", "/reset", base="/taskdock", json={"grace": 0})
        refusal = found.result()

    assert summary(refusal) == (404, 16)


def test_only_so_many_calls_wait_at_a_time(start_dock: StartDock) -> None:
    dock, gate = start_dock(limits=Limits(waits=1)), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    first, second = dock.create_task(), dock.create_task()

    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(waited, dock, first)
        dock.eventually(lambda: dock.emulator.agenda.driver._mover.listeners._signals)
        refusal = wait(dock, second)
        gate.open()

    assert summary(refusal) == (429, 1905)
    assert found.result()["ended"] is True
    assert waited(dock, second)["ended"] is True


def test_a_stop_ends_whoever_waits(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy(nothing)
    task = dock.create_task(startTimestamp="2090-01-01")

    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(wait, dock, task)
        dock.eventually(lambda: dock.emulator.agenda.driver._mover.listeners._signals)
        dock.stop()
        refusal = found.result()

    assert summary(refusal) == (503, 1405)
    assert "the server is stopping" in refusal.json()["message"]


def test_a_stop_ends_a_move(timed_dock: Dock) -> None:
    gate = Gate()
    timed_dock.deploy(lambda event, runtime: gate.pass_(runtime))
    timed_dock.create_task(startTimestamp=iso(1))

    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(move, timed_dock, advance=5)
        timed_dock.eventually(lambda: gate.waiting)
        timed_dock.emulator.agenda.driver.close()
        refusal = found.result()
    gate.open()

    assert summary(refusal) == (503, 1405)


# Modes


def test_a_clock_that_is_made_real_ticks_on_from_where_it_stood(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    moved(timed_dock, advance="1d")
    task = timed_dock.create_task(startTimestamp=iso(DAY + 0.2))

    moved(timed_dock, mode="real")

    assert timed_dock.finish(task)["status"] == "complete"
    assert iso(DAY) < clock_of(timed_dock)["now"] < iso(2 * DAY)


def test_a_clock_that_ticks_is_stopped_before_it_is_moved(timed_dock: Dock) -> None:
    moved(timed_dock, mode="real")

    refusal = move(timed_dock, advance=1)
    moved(timed_dock, mode="manual")

    assert summary(refusal) == (409, 1901)
    assert "switch it to the mode" in refusal.json()["message"]
    assert moved(timed_dock, advance=1)["mode"] == "manual"


@pytest.mark.parametrize("mode", ["manual", "auto"])
def test_a_server_is_started_with_a_clock_that_stands_still(mode: str) -> None:
    with running(Settings(clock=mode), engine=FakeEngine()) as dock:
        shown = [requests.get(f"{dock.url}/taskdock/clock", timeout=LIMIT).json() for _ in "12"]

    assert shown[0] == shown[1]
    assert shown[0]["mode"] == mode


@pytest.mark.parametrize(
    "verb",
    [{"advance": 1}, {"moveTo": iso(1)}, {"runUntilIdle": True}, {"mode": "manual"}],
    ids=str,
)
def test_the_machines_clock_is_shown_and_not_moved(shared: Dock, verb: Json) -> None:
    refusal = move(shared, **verb)

    assert clock_of(shared)["mode"] == "real"
    assert summary(refusal) == (409, 1901)
    assert "start it with --clock manual or --clock auto" in refusal.json()["message"]


# Bad input


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ({}, "exactly one of advance, moveTo, runUntilIdle, mode"),
        ({"advance": 1, "mode": "auto"}, "advance and mode"),
        ({"advance": -1}, "time never goes back"),
        ({"advance": "-7d"}, "time never goes back"),
        ({"advance": "soon"}, "no length of time"),
        ({"advance": ""}, "no length of time"),
        ({"advance": "7"}, None),
        ({"advance": True}, "no length of time"),
        ({"advance": [1]}, "no length of time"),
        ({"advance": 1e30}, "longer than time"),
        ({"advance": 1e11}, "beyond the year 2099"),
        ({"moveTo": "tomorrow"}, "moveTo has to be an ISO 8601 time"),
        ({"moveTo": 5}, "moveTo has to be an ISO 8601 time"),
        ({"moveTo": "2100-01-01"}, "beyond the year 2099"),
        ({"moveTo": iso(-1)}, "time never goes back"),
        ({"runUntilIdle": False}, "runUntilIdle"),
        ({"mode": "fast"}, 'mode has to be real, manual or auto, not "fast"'),
    ],
    ids=str,
)
def test_a_move_that_is_none_is_refused_and_nothing_moves(
    timed_dock: Dock, verb: Json, words: str | None
) -> None:
    refusal = move(timed_dock, **verb)

    if words is None:
        assert refusal.json()["now"] == iso(7)
        return
    assert refusal.status_code == 400
    assert words in refusal.json()["message"]
    assert clock_of(timed_dock) == {"mode": "manual", "now": iso(0), "running": 0, "due": []}


@pytest.mark.parametrize("delay", [0, 1])
def test_a_task_that_queues_itself_for_ever_ends_the_move(
    start_dock: StartDock, clock: ManualClock, delay: float
) -> None:
    dock = start_dock(clock=clock, limits=Limits(clock_jumps=20))
    made: list[str] = []

    def again(event: Json, runtime: FakeRuntime) -> None:
        if len(made) < 200:
            later = clock.now() + timedelta(seconds=delay)
            made.append(dock.create_task(startTimestamp=to_iso(later)))

    dock.deploy(again)
    dock.create_task()

    refusal = move(dock, runUntilIdle=True)

    assert summary(refusal) == (409, 1903)
    assert "does a task queue itself for ever?" in refusal.json()["message"]
    assert len(made) < 200


def test_a_move_says_what_keeps_due_work_from_being_run(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    timed_dock.create_task(startTimestamp=iso(1))
    timed_dock.fake.silence = "the engine does not answer"
    timed_dock.emulator.lambdas.watch.failed("the engine does not answer")

    refusal = move(timed_dock, advance=5)

    assert summary(refusal) == (503, 1405)
    assert "the engine does not answer" in refusal.json()["message"]


def test_a_move_goes_on_after_the_database_was_busy(timed_dock: Dock) -> None:
    timed_dock.deploy(nothing)
    schedule(timed_dock, startTimestamp=iso(DAY))
    worker, failures = timed_dock.emulator.tasks.worker, [OSError("no"), OSError("no")]
    claim = worker.claim

    def fails_first(now: Any, limit: int) -> Any:
        if failures:
            raise failures.pop()
        return claim(now, limit)

    worker.claim = fails_first

    moved(timed_dock, advance="2d")

    assert not failures
    assert len(timed_dock.service.tasks("eq(status,complete)")) == 2


def test_times_that_lie_ahead_after_a_restart_are_now(
    start_dock: StartDock, clock: ManualClock
) -> None:
    before = start_dock(clock=clock)
    before.deploy(nothing)
    moved(before, advance="30d")
    before.emulator.tasks.worker.hold(LIMIT)
    task = before.create_task()
    before.stop()

    engine = FakeEngine()
    engine.programs.update(before.fake.programs)
    after = start_dock(clock=ManualClock(), engine=engine)

    assert after.finish(task)["status"] == "complete"
