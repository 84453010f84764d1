"""The sections of a failed test's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from taskdock.testing.plugin import evidence
from taskdock.testing.plugin.evidence import MOST_LINES, MOST_SECTIONS, Section
from taskdock.testing.plugin.source_paths import SourcePaths, SourcePlace

Json = dict[str, Any]

TRACE = ['  File "/var/task/main.py", line 7, in handler\n    raise ValueError("no")\n']


def task(number: int = 1, status: str = "complete", **fields: Any) -> Json:
    return {
        "id": f"task-{number}",
        "functionName": "report",
        "status": status,
        "creationTimestamp": f"2026-01-02T12:00:{number:02}.000Z",
        "startTimestamp": f"2026-01-02T12:00:{number:02}.000Z",
        "statusChangedTimestamp": f"2026-01-02T12:00:{number:02}.500Z",
        **fields,
    }


def run(number: int = 1, **fields: Any) -> Json:
    return {
        "id": f"run-{number}",
        "sequence": number,
        "at": f"2026-01-02T12:00:{number:02}.100Z",
        "kind": "task",
        "functionName": "report",
        "log": ["START RequestId: 1", "REPORT RequestId: 1\tDuration: 2 ms"],
        **fields,
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").touch()
    return tmp_path


def shown(root: Path, tasks: list[Json], runs: list[Json]) -> list[Section]:
    return evidence.sections(tasks, runs, lambda _: SourcePaths(root / "src", root))


def test_a_task_is_shown_with_its_states_its_log_and_its_report_line(root: Path) -> None:
    (section,) = shown(root, [task()], [run(taskId="task-1")])

    assert section.title == "taskdock: report, task task-1, complete"
    assert section.text.splitlines() == [
        "new         2026-01-02T12:00:01.000Z",
        "inProgress  2026-01-02T12:00:01.100Z",
        "complete    2026-01-02T12:00:01.500Z",
        "log:",
        "  START RequestId: 1",
        "  REPORT RequestId: 1\tDuration: 2 ms",
    ]
    assert (section.task_id, section.place, section.failure) == ("task-1", None, "")


def test_a_failure_is_led_back_to_the_line_of_the_repository(root: Path) -> None:
    error = {"name": "ValueError", "message": "no", "stackTrace": TRACE}
    log = ['[ERROR] ValueError: no\rTraceback:\r\xa0\xa0File "/var/task/main.py", line 7']

    (section,) = shown(
        root,
        [task(status="failed", error={"name": "ValueError", "message": "no"})],
        [run(taskId="task-1", error=error, log=log)],
    )

    assert section.text.splitlines()[2:] == [
        "failed      2026-01-02T12:00:01.500Z  ValueError: no",
        "error: ValueError: no",
        "stack trace:",
        '    File "src/main.py", line 7, in handler',
        '      raise ValueError("no")',
        "log:",
        "  [ERROR] ValueError: no",
        "  Traceback:",
        '    File "src/main.py", line 7',
    ]
    assert section.place == SourcePlace(root / "src" / "main.py", 7)
    assert section.failure == "ValueError: no"


def test_a_task_that_has_not_run_is_shown_too(root: Path) -> None:
    waiting = task(status="new", startTimestamp="2026-01-02T13:00:00.000Z")

    (section,) = shown(root, [waiting], [])

    assert section.title.endswith("task task-1, new")
    assert section.text == "new         2026-01-02T12:00:01.000Z  due 2026-01-02T13:00:00.000Z"


def test_attempts_say_which_task_is_the_retry_of_which(root: Path) -> None:
    first = task(1, "retried", retriedByTaskId="task-2", error={"name": "SmtpDown", "message": ""})
    second = task(2, retryForTaskIds=["task-1"])

    sections = shown(root, [first, second], [])

    assert "retried     2026-01-02T12:00:01.500Z  SmtpDown" in sections[0].text
    assert "retried by task-2" in sections[0].text
    assert "a retry of task-1" in sections[1].text


def test_what_ran_without_a_task_has_a_section_in_the_order_of_time(root: Path) -> None:
    execution = run(1, kind="execution")

    sections = shown(root, [task(3)], [run(5, taskId="task-3"), execution])

    assert [section.title for section in sections] == [
        "taskdock: report, execution run-1, answered",
        "taskdock: report, task task-3, complete",
    ]


def test_the_run_of_a_task_that_is_not_listed_is_shown_all_the_same(root: Path) -> None:
    (section,) = shown(root, [], [run(taskId="task-9")])

    assert section.task_id == "task-9"


def test_an_injected_fault_is_named(root: Path) -> None:
    fault = {"id": "f1", "fault": "timeout", "name": None}

    (section,) = shown(root, [], [run(fault=fault)])

    assert "injected fault: id f1, fault timeout" in section.text


def test_a_long_log_is_cut_in_the_middle_and_says_so(root: Path) -> None:
    log = [f"line {number}" for number in range(1000)] + ["REPORT"]

    (section,) = shown(root, [], [run(log=log)])

    lines = section.text.splitlines()
    assert len(lines) < MOST_LINES + 5
    assert "  line 0" in lines
    assert "  REPORT" in lines
    assert f"  ... {1001 - MOST_LINES} lines are left out here ..." in lines


def test_a_long_line_is_cut_and_says_so(root: Path) -> None:
    (section,) = shown(root, [], [run(log=["x" * 100_000])])

    assert len(section.text) < 1000
    assert "more letters)" in section.text


def test_of_many_sections_those_with_a_failure_are_shown() -> None:
    many = [Section(f"run {number}", "", failure="no" * (number == 3)) for number in range(100)]

    kept = evidence.bounded(many)

    assert [section.title for section in kept[:2]] == ["run 3", "run 89"]
    assert len(kept) == MOST_SECTIONS + 1
    assert kept[-1].text.startswith(f"{100 - MOST_SECTIONS} more ")


def test_calls_without_a_double_are_shown_with_the_double_to_add() -> None:
    call = {"method": "POST", "path": "/mail/v1/", "query": "", "functionName": "report"}

    (section,) = evidence.unmatched([call | {"status": 404}])

    assert section.title == "taskdock: calls that no double has answered"
    assert section.text.splitlines() == [
        "POST /mail/v1/ by report: 404",
        '  taskdock.doubles.add("POST", "/mail/v1/", json=...)',
    ]
    assert evidence.unmatched([]) == []


def test_a_double_that_nearly_matched_is_named_with_its_reason() -> None:
    call = {"method": "POST", "path": "/mail/v1/", "functionName": "report", "status": 404}
    nearest = 'the nearest is 17: the body has "bob@example.org"'

    (section,) = evidence.unmatched([call | {"nearest": nearest}])

    assert section.text.splitlines()[1] == f"  {nearest}"


def test_of_many_calls_without_a_double_the_first_are_shown() -> None:
    call = {"method": "GET", "path": "/x", "query": "eq(a,1)", "functionName": None, "status": 404}

    (section,) = evidence.unmatched([call] * 100)

    assert section.text.startswith("GET /x?eq(a,1) by no function: 404\n")
    assert section.text.endswith(
        f"and {100 - MOST_SECTIONS} more: taskdock doubles calls --unmatched"
    )
