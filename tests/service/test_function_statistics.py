"""Statistics of functions: their kept runs, and their environments."""

from __future__ import annotations

from typing import Any

from taskdock.store import sql
from taskdock.store.tables import RunRow
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Json, StartDock
from tests.support.people import nobody


def overview(dock: Dock, name: str) -> Json:
    answer = dock.call("GET", "/functions", base="/taskdock").json()
    (found,) = [each for each in answer["data"] if each["name"] == name]
    return dict(found)


def handler(event: Json, runtime: FakeRuntime) -> None:
    if event["data"]["fails"]:
        raise ValueError("no wood")


def insert_run(dock: Dock, number: int, duration: float | None) -> None:
    row: dict[str, Any] = {
        **dict.fromkeys(sql.columns(RunRow)),
        "sequence": number,
        "id": f"{number:024}",
        "at": number,
        "kind": "invocation",
        "task_id": None,
        "request_id": str(number),
        "function_name": "table",
        "log": [],
        "runtime": None,
        "version": None,
        "event": "{}",
        "answer": "1",
        "error": None,
        "cold": False,
        "duration": duration,
        "memory_used": 20,
        "fault": None,
        "size": 1,
    }
    dock.emulator.foundation.store.change(sql.insert(RunRow), sql.to_row(RunRow, row))


def test_a_function_that_never_ran_has_no_statistics(dock: Dock) -> None:
    dock.deploy_handler(handler, "quiet", timeLimit=7, memoryLimit=256)

    found = overview(dock, "quiet")

    assert found["statistics"] == {"runs": 0, "failed": 0}
    assert (found["timeLimit"], found["memoryLimit"], found["enabled"]) == (7, 256, True)


def test_the_statistics_are_those_of_each_functions_own_runs(dock: Dock) -> None:
    dock.deploy_handler(handler, "table")
    dock.deploy_handler(handler, "chair")
    for name, fails in (("table", False), ("table", True), ("chair", False)):
        answer = dock.call("POST", f"/functions/{name}/execute", json={"data": {"fails": fails}})
        assert answer.status_code == (400 if fails else 200)

    table, chair = overview(dock, "table"), overview(dock, "chair")

    assert (table["statistics"]["runs"], table["statistics"]["failed"]) == (2, 1)
    assert table["statistics"]["last"]["error"] == "ValueError"
    assert table["statistics"]["last"]["kind"] == "execution"
    assert "error" not in chair["statistics"]["last"]
    assert chair["warm"] == 1


def test_median_and_percentile_are_durations_that_there_were(dock: Dock) -> None:
    dock.deploy_handler(handler, "table")
    for number, duration in enumerate([40.0, 10.0, None, 30.0, 20.0], start=1):
        insert_run(dock, number, duration)

    statistics = overview(dock, "table")["statistics"]

    assert (statistics["median"], statistics["percentile95"]) == (20.0, 40.0)
    assert statistics["last"]["duration"] == 20.0


def test_a_function_has_the_digest_of_its_code(dock: Dock) -> None:
    dock.deploy_handler(handler, "table")

    found = dock.call("GET", "/functions/table", base="/taskdock").json()

    assert len(found["codeDigest"]) == 64
    assert found["codeSize"] > 0
    assert dock.call("GET", "/functions/none", base="/taskdock").status_code == 404


def test_whoever_listens_hears_of_functions_that_change(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy_handler(handler, "table")
    dock.call("PUT", "/functions/table", json={"timeLimit": 9})
    dock.call("DELETE", "/functions/table")

    told = [notice.name for notice in dock.published if notice.name.startswith("function_")]

    assert told == ["function_changed", "function_changed", "function_deleted"]


def test_pages_show_a_function_that_is_an_image(dock: Dock) -> None:
    dock.post("/functions/", {"name": "oak-chair", "image": "chair:latest"})

    for path in ("functions", "functions/oak-chair", "functions/oak-chair/try", "", "queue"):
        answer = nobody(dock).ask("GET", f"/ui/{path}")
        assert answer.status_code == 200, path
        assert "chair" in answer.text or path in ("", "queue")
