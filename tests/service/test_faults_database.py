"""A database that another program has locked, or that is damaged while its server runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import requests

from taskdock.base.errors import StartupError, StorageError
from taskdock.base.settings import Settings
from taskdock.base.timing.limits import Limits
from taskdock.server.app import Emulator
from taskdock.testing.fakes.engine import FakeEngine, fake_image_of
from taskdock.testing.waiting import eventually
from tests.support.aws import FUNCTIONS, NAME
from tests.support.builders import DATABASE, Dock, Gate, StartDock, summary

IMPATIENT = Limits(lock_patience=0.2)
LATER = "2999-01-01T00:00:00.000Z"


def troubles(dock: Dock) -> list[str]:
    answer = dock.call("GET", "/health", base="")
    found = answer.json()["troubles"]
    failing = any(trouble["severity"] == "failing" for trouble in found)
    assert answer.status_code == (503 if failing else 200), answer.text
    return [trouble["name"] for trouble in found]


def reason(dock: Dock) -> str:
    (trouble,) = dock.call("GET", "/status", base="").json()["troubles"]
    assert (trouble["name"], trouble["severity"]) == ("database", "failing")
    return str(trouble["reason"])


def send_event(dock: Dock) -> requests.Response:
    headers = {"X-Amz-Invocation-Type": "Event"}
    return dock.call("POST", f"{FUNCTIONS}/{NAME}/invocations", base="", json={}, headers=headers)


@contextmanager
def lock_of_another_program(dock: Dock) -> Iterator[None]:
    path = dock.emulator.foundation.data / DATABASE
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_behind_another_programs_lock_callers_are_told_and_nothing_is_lost_or_run_again(
    start_dock: StartDock,
) -> None:
    dock, gate, runs = start_dock(limits=IMPATIENT), Gate(), list[Any]()

    def work(event: Any, runtime: Any) -> str:
        runs.append(event)
        gate.pass_(runtime)
        return "done"

    dock.deploy(work)
    task, waiting = dock.create_task(), dock.create_task(startTimestamp=LATER)
    dock.eventually(lambda: gate.waiting)

    with lock_of_another_program(dock):
        created = dock.post("/", {"functionName": NAME})
        executed, accepted = dock.execute(), send_event(dock)
        gate.open()  # an ending that cannot be written yet
        dock.eventually(lambda: "write_postponed" in [name for name, _ in dock.notices])

        assert summary(created) == summary(executed) == (503, 1)
        assert accepted.status_code == 503
        assert accepted.headers["X-Amzn-Errortype"] == "ServiceUnavailableException"
        for answer in (created, executed, accepted):
            assert "another program holds the lock of the database" in answer.text
        assert "database" in troubles(dock)
        assert dock.status(task) == "inProgress"  # who only reads is served

    assert dock.finish(task)["status"] == "complete"
    dock.eventually(lambda: troubles(dock) == [])
    assert dock.status(waiting) == "new"
    assert dock.get("/").json()["page"]["total"] == 2  # what was refused is not there
    assert len(runs) == 1


def test_a_lock_of_another_program_is_told_with_the_reason_until_it_is_gone(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=IMPATIENT)

    with lock_of_another_program(dock):
        assert dock.post("/", {"functionName": NAME}).status_code == 503
        assert "end that; nothing that was accepted is lost" in reason(dock)

    # Sooner than anybody writes something: the rescuer is the next.
    eventually(lambda: troubles(dock) == [], within=15)
    assert dock.call("GET", "/status", base="").json()["troubles"] == []


@pytest.mark.parametrize("is_there", [True, False], ids=["empty", "missing"])
def test_a_server_whose_database_is_gone_is_refused_and_all_code_stays(
    dock: Dock, *, is_there: bool
) -> None:
    dock.deploy(lambda *_: None)
    dock.stop()
    data = dock.emulator.foundation.data
    code = sorted((data / "code").iterdir())
    (data / DATABASE).unlink()
    if is_there:
        (data / DATABASE).touch()

    with pytest.raises(StartupError, match=r"it is missing or empty, and .* has the code of"):
        Emulator(Settings(port=0, data_dir=data), engine=FakeEngine(), image_of=fake_image_of)

    assert code == sorted((data / "code").iterdir())
    assert code


def test_damage_that_is_met_while_the_server_runs_is_told_and_nothing_is_removed(
    dock: Dock,
) -> None:
    dock.deploy(lambda *_: None)
    path = dock.emulator.foundation.data / DATABASE
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'task'").fetchone()
        (page,) = other.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    code = sorted((dock.emulator.foundation.data / "code").iterdir())

    created, executed = dock.post("/", {"functionName": NAME}), dock.execute()

    for answer in (created, executed):
        assert summary(answer) == (503, 1)
        assert f"{DATABASE} is damaged" in answer.json()["message"]
    assert troubles(dock) == ["database"]
    assert ".recover" in reason(dock)
    assert sorted((dock.emulator.foundation.data / "code").iterdir()) == code


def test_an_execution_that_cannot_be_written_does_not_count_as_running(
    start_dock: StartDock,
) -> None:
    dock = start_dock()
    dock.deploy(lambda event, runtime: None)
    dock.emulator.foundation.store.refuse(StorageError("this disk is gone"))

    refusal = dock.call("POST", "/functions/walnut-table/execute", json={})

    assert refusal.status_code >= 500, refusal.text
    assert dock.emulator.tasks.runner.running() == set()
