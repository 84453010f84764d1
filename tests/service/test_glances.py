"""What a glance at the server shows: counts of tasks, what has ended lately, the newest log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from taskdock.store.database import Store
from taskdock.tasks.model.notices import TaskFailed
from taskdock.tasks.model.task import Status
from taskdock.tasks.queue.counts import TaskCounts
from taskdock.testing.clock import NOON, ManualClock
from tests.support.builders import Dock, Gate, Json, StartDock

UNKNOWN = "aaaaaaaaaaaaaaaaaaaaaaaa"
LATER = "2999-01-01T00:00:00.000Z"


def glance(dock: Dock, path: str) -> Json:
    response = dock.call("GET", f"/taskdock/{path}", base="")
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def counts(dock: Dock) -> dict[str, int]:
    found = glance(dock, "counts")
    del found["countedTimestamp"]
    return {name: count for name, count in found.items() if count}


def handler(event: Any, runtime: Any) -> str:
    if (event.get("data") or {}).get("fail"):
        raise ValueError("it was asked to")
    runtime.print("a line")
    return "done"


def test_counts_move_with_the_tasks(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime))
    assert counts(dock) == {}

    running = dock.create_task()
    dock.eventually(lambda: gate.waiting)
    later = dock.create_task(startTimestamp=LATER)

    assert counts(dock) == {"new": 1, "inProgress": 1}

    dock.post(f"/{later}/cancel", None)
    gate.open()
    dock.finish(running)

    assert counts(dock) == {"complete": 1, "canceled": 1}


def test_counts_know_failures_direct_executions_and_a_reset(dock: Dock) -> None:
    dock.deploy(handler)
    counts(dock)
    dock.finish(dock.create_task(data={"fail": True}))
    dock.execute()
    assert dock.execute(data={"fail": True}).status_code == 400

    assert counts(dock) == {"failed": 2, "complete": 1}

    assert dock.call("POST", "/taskdock/reset", base="", json={}).status_code == 200

    assert counts(dock) == {}


def test_a_direct_execution_under_way_is_counted_at_once(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime))
    counts(dock)
    dock.emulator.tasks.counts._took = 5.0  # so that nothing is counted again
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(dock.execute)
        dock.eventually(lambda: gate.waiting)

        assert counts(dock) == {"inProgress": 1}

        gate.open()
        assert answer.result(20).status_code == 200

    assert counts(dock) == {"complete": 1}


def test_counts_take_no_other_look_while_a_look_takes_long(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock.deploy(handler)
    counts(dock)
    looked: list[str] = []
    slow = dock.emulator.tasks.counts
    slow._took = 5.0  # as with a very large table
    monkeypatch.setattr(Store, "rows", _spying(Store.rows, looked))

    dock.finish(dock.create_task())
    dock.finish(dock.create_task(data={"fail": True}))

    assert counts(dock) == {"complete": 1, "failed": 1}
    assert not any("GROUP BY status" in statement for statement in looked)


def test_what_moves_while_all_are_counted_is_counted_once(dock: Dock) -> None:
    dock.deploy(handler)
    dock.finish(dock.create_task())
    held = _HeldStore(dock.emulator.foundation.store)
    own = TaskCounts(
        store=held, clock=dock.emulator.foundation.clock, notices=dock.emulator.notices
    )  # type: ignore[arg-type]
    own.read()

    held.then = lambda: dock.create_task(startTimestamp=LATER)
    own._dirty, own._took = True, 0.0
    found = own.read()

    assert found.of[Status.NEW] == 1
    assert found.of[Status.COMPLETE] == 1


def test_a_change_that_was_counted_before_its_notice_came_is_put_right_for_who_has_looked(
    dock: Dock,
) -> None:
    dock.deploy(handler)
    failed = dock.create_task(data={"fail": True})
    dock.finish(failed)
    (notice,) = (facts for name, facts in dock.notices if name == "task_failed")
    assert counts(dock) == {"failed": 1}
    dock.emulator.tasks.counts._took = 0.02  # so that the next count is two seconds later

    dock.emulator.notices.publish(TaskFailed(**notice))
    counts(dock)

    dock.eventually(lambda: "tasks_recounted" in [name for name, _ in dock.notices])
    assert counts(dock) == {"failed": 1}


def test_what_has_ended_is_told_with_its_result_the_newest_first(dock: Dock) -> None:
    dock.deploy(handler)
    first = dock.create_task()
    dock.finish(first)
    second = dock.create_task(data={"fail": True})
    dock.finish(second)
    dock.execute()
    dock.finish(dock.create_task("no-such-function"))

    found = glance(dock, "ended")["data"]

    assert [(one["kind"], one["result"]) for one in found] == [
        ("task", "failed"),
        ("execution", "complete"),
        ("task", "failed"),
        ("task", "complete"),
    ]
    assert "duration" not in found[0]
    assert found[1]["cold"] is False
    assert (found[2]["taskId"], found[2]["errorName"]) == (second, "ValueError")
    assert (found[3]["taskId"], found[3]["cold"]) == (first, True)
    assert found[3]["duration"] > 0
    assert len(glance(dock, "ended?limit=2")["data"]) == 2


def test_what_had_ended_is_known_after_a_restart(start_dock: StartDock, clock: ManualClock) -> None:
    dock = start_dock(clock=clock)
    dock.deploy(handler)
    task = dock.create_task()
    dock.finish(task)
    dock.stop()

    again = start_dock(clock=clock)

    (found,) = glance(again, "ended")["data"]
    assert (found["taskId"], found["result"]) == (task, "complete")
    assert found["at"].startswith(NOON.strftime("%Y-%m-%dT%H:%M"))


def test_the_newest_log_lines_name_their_functions(dock: Dock) -> None:
    dock.deploy(handler)
    dock.deploy(handler, "oak-chair")
    dock.finish(dock.create_task())
    dock.finish(dock.create_task("oak-chair"))

    found = glance(dock, "log?limit=200")["data"]

    printed = [(line["functionName"], line["message"]) for line in found]
    assert [pair for pair in printed if pair[1] == "a line"] == [
        ("walnut-table", "a line"),
        ("oak-chair", "a line"),
    ]
    assert [line["sequence"] for line in found] == sorted(line["sequence"] for line in found)
    assert len(glance(dock, "log?limit=3")["data"]) == 3


def test_a_line_that_is_long_is_cut(dock: Dock) -> None:
    dock.deploy(lambda _, runtime: runtime.print("x" * 9000))
    dock.finish(dock.create_task())

    (line,) = [
        line for line in glance(dock, "log?limit=50")["data"] if line["message"].startswith("xx")
    ]

    assert (len(line["message"]), line["cut"]) == (4000, True)


@pytest.mark.parametrize("path", ["log?limit=0", "ended?limit=101", "log?limit=x"])
def test_a_limit_that_is_none_is_refused(shared: Dock, path: str) -> None:
    response = shared.call("GET", f"/taskdock/{path}", base="")

    assert response.status_code == 400
    assert "no whole number" in response.text


class _HeldStore:
    """A store during whose next statement something happens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.then: Any = lambda: None

    def rows(self, *given: Any) -> list[tuple[Any, ...]]:
        found = self._store.rows(*given)
        then, self.then = self.then, lambda: None
        then()
        return found


def _spying(rows: Any, looked: list[str]) -> Any:
    def spied(store: Store, statement: str, values: Any = ()) -> Any:
        looked.append(statement)
        return rows(store, statement, values)

    return spied
