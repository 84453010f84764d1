"""The server's own report of what it has and does."""

from __future__ import annotations

from typing import Any

from taskdock import __version__
from taskdock.base.timing.clock import to_iso
from taskdock.testing.clock import NOON, ManualClock
from tests.support.builders import Dock, Gate, Json, StartDock


def status(dock: Dock) -> Json:
    response = dock.call("GET", "/status", base="")
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def test_a_server_that_has_done_nothing_has_nothing(timed_dock: Dock) -> None:
    found = status(timed_dock)

    assert found.pop("memory")["held"] == 0
    assert found.pop("stored")["size"] > 0
    assert found == {
        "version": __version__,
        "url": timed_dock.emulator.url,
        "startTimestamp": to_iso(NOON),
        "environments": [],
        "prepared": [],
        "waiting": [],
        "images": [],
        "tasks": {"new": 0, "inProgress": 0},
        "troubles": [],
    }


def test_what_works_and_what_waits_is_counted(timed_dock: Dock) -> None:
    dock, gate = timed_dock, Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), memoryLimit=256)
    running = dock.create_task()
    dock.create_task(startTimestamp="2999-01-01T00:00:00.000Z")
    dock.eventually(lambda: gate.waiting)

    found = status(dock)

    assert found["tasks"] == {"new": 1, "inProgress": 1}
    assert found["memory"]["held"] == 256
    (environment,) = found["environments"]
    call = environment.pop("running")
    assert len(environment.pop("id")) == 32
    assert len(call.pop("requestId")) == 36
    assert environment.pop("stateSince") <= call.pop("startTimestamp") <= to_iso(NOON)
    assert environment == {
        "functionName": "walnut-table",
        "state": "busy",
        "memory": 256,
        "runtime": "python3.11",
        "timeLimit": 30,
        "memoryUsed": 40,
        "calls": 0,
    }
    assert call == {
        "kind": "task",
        "taskId": running,
        "cold": True,
    }
    gate.open()
    dock.finish(running)


def test_an_environment_says_what_it_has_run_last(timed_dock: Dock) -> None:
    dock = timed_dock
    dock.deploy(_fails_on_demand)
    failed = dock.create_task(data={"fail": True})
    dock.finish(failed)
    dock.eventually(lambda: dock.states() in (["ready"], ["frozen"]))

    (environment,) = status(dock)["environments"]

    last = environment["last"]
    assert (environment["calls"], environment["memoryUsed"]) == (1, 40)
    assert "running" not in environment
    assert (last["kind"], last["taskId"], last["cold"]) == ("task", failed, True)
    assert last["errorName"] == "ValueError"

    dock.finish(dock.create_task())

    dock.eventually(lambda: status(dock)["environments"][0]["calls"] == 2)
    last = status(dock)["environments"][0]["last"]
    assert "errorName" not in last
    assert not last["cold"]


def test_an_environment_that_starts_says_for_what(start_dock: StartDock) -> None:
    dock, gate = start_dock(), Gate()
    dock.deploy_program(gate.pass_)
    task = dock.create_task()
    dock.eventually(lambda: gate.waiting)

    (environment,) = status(dock)["environments"]

    assert environment["state"] == "starting"
    assert environment["running"].items() >= {"kind": "task", "taskId": task}.items()
    assert "startTimestamp" not in environment["running"]
    gate.open()


def _fails_on_demand(event: dict[str, Any], _: object) -> None:
    if (event.get("data") or {}).get("fail"):
        raise ValueError("it was asked to")


def test_what_waits_for_an_environment_is_told_with_the_reason(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock, gate = start_dock(clock=clock, work_clock=clock, memory_budget=300), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), memoryLimit=256)
    tasks = [dock.create_task()]
    dock.eventually(lambda: gate.waiting)
    tasks += [dock.create_task() for _ in range(2)]
    dock.eventually(lambda: status(dock)["waiting"])
    dock.jump(60)
    dock.eventually(lambda: status(dock)["waiting"][0]["calls"] == 2)

    (waiting,) = status(dock)["waiting"]

    assert waiting == {
        "functionName": "walnut-table",
        "memory": 256,
        "calls": 2,
        "waitingSince": to_iso(NOON),
        "reason": "room: all that holds it works",
    }
    gate.open()
    for task in tasks:
        assert dock.finish(task)["status"] == "complete"
    assert status(dock)["waiting"] == []


def test_an_idle_environment_says_since_when(start_dock: StartDock, clock: ManualClock) -> None:
    dock = start_dock(clock=clock, work_clock=clock)
    dock.deploy(lambda *_: None)
    dock.finish(dock.create_task())
    dock.eventually(lambda: dock.states() in (["ready"], ["frozen"]))
    dock.jump(60)

    (environment,) = status(dock)["environments"]

    assert environment["idleSince"] == to_iso(NOON)


def test_what_fails_is_told_with_503_until_it_works(timed_dock: Dock) -> None:
    dock = timed_dock
    trouble = {
        "name": "engine",
        "reason": "it does not answer",
        "sinceTimestamp": to_iso(NOON),
        "severity": "failing",
    }

    dock.emulator.health.report("engine", "it does not answer")

    health = dock.call("GET", "/health", base="")
    assert (health.status_code, health.json()["status"]) == (503, "failing")
    assert health.json()["troubles"] == status(dock)["troubles"] == [trouble]

    dock.emulator.health.clear("engine")

    health = dock.call("GET", "/health", base="")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert health.json()["troubles"] == status(dock)["troubles"] == []


def test_what_is_degraded_is_told_and_serves_on(timed_dock: Dock) -> None:
    timed_dock.emulator.health.report("disk", "it is nearly full", degraded=True)

    health = timed_dock.call("GET", "/health", base="")

    assert health.status_code == 200
    assert [trouble["severity"] for trouble in health.json()["troubles"]] == ["degraded"]
