"""Lines of invocations that run side by side: none is lost, none is under the wrong task."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Json, StartDock

SIDE_BY_SIDE = 8
ROUNDS = 3
LINES = 400


def test_lines_of_parallel_tasks_are_complete_in_order_and_in_their_own_logs(
    start_dock: StartDock,
) -> None:
    dock, together = start_dock(concurrency=SIDE_BY_SIDE), Barrier(SIDE_BY_SIDE)

    def handler(event: Json, runtime: FakeRuntime) -> None:
        together.wait(30)
        for number in range(LINES):
            runtime.print(f"{event['id']} {number}")
        runtime.answer("done")
        runtime.print(f"{event['id']} after the answer")
        runtime.print(f"{event['id']} at last", end="")

    dock.deploy(handler)

    tasks = [dock.create_task() for _ in range(SIDE_BY_SIDE * ROUNDS)]

    for task_id in tasks:
        assert dock.finish(task_id)["status"] == "complete"
        start, *lines, end, report = dock.logs(task_id)
        words = [*map(str, range(LINES)), "after the answer", "at last"]
        assert lines == [f"{task_id} {word}" for word in words]
        assert [line.split()[0] for line in (start, end, report)] == ["START", "END", "REPORT"]
    assert len(dock.engine.started) == SIDE_BY_SIDE


def test_lines_of_parallel_executions_can_be_read_once_they_are_answered(
    start_dock: StartDock,
) -> None:
    dock = start_dock(direct_concurrency=SIDE_BY_SIDE)

    def handler(event: Json, runtime: FakeRuntime) -> None:
        runtime.print("\n".join(f"{event['id']} {number}" for number in range(LINES)))

    dock.deploy(handler)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        executed = list(pool.map(lambda _: dock.execute(), range(SIDE_BY_SIDE * ROUNDS)))

    for response in executed:
        task_id = response.json()["id"]
        assert dock.logs(task_id)[1:-2] == [f"{task_id} {number}" for number in range(LINES)]


def test_lines_of_tasks_that_take_turns_in_one_environment_stay_apart(
    start_dock: StartDock,
) -> None:
    dock = start_dock(memory_budget=128)

    def handler(event: Json, runtime: FakeRuntime) -> None:
        runtime.print(f"{event['id']} before")
        runtime.answer("done")
        runtime.print(f"{event['id']} after")

    dock.deploy(handler)

    tasks = [dock.create_task() for _ in range(40)]

    for task_id in tasks:
        assert dock.finish(task_id)["status"] == "complete"
        assert dock.logs(task_id)[1:-2] == [f"{task_id} before", f"{task_id} after"]
        assert dock.logs(task_id)[-1].startswith("REPORT")
    assert len(dock.engine.started) == 1
