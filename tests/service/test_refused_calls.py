"""Calls of the command that the server refuses, each with the whole of what is said; those that the
command refuses itself are in tests/unit/test_wrong_calls.py."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner

from taskdock.commands import main
from taskdock.testing.dock import new_function
from tests.support.builders import Dock
from tests.support.people import administrator

FIELD = " (15 FIELD_FORMAT_EXCEPTION)"
REFUSED = [
    ("run hello -d 1", f"-d has to be an object, not 1{FIELD}"),
    ("run hello -d [1]", f"-d has to be an object, not a list{FIELD}"),
    (
        "tasks create hello --priority 99999999999999999999",
        "--priority has to be a whole number from -9007199254740991 to 9007199254740991, not"
        f" 99999999999999999999{FIELD}",
    ),
    (
        "schedules create hello --every 0 -d 1",
        "--every has to be a number from 0.1 to 315360000, not 0.0; -d has to be an object, not"
        f" 1{FIELD}",
    ),
    (
        "schedules delete walnut",
        "there is no schedule walnut; find its id with: taskdock schedules list",
    ),
    ("runs show walnut", "there is no run walnut; find its id with: taskdock runs list"),
    ("tasks list --function walnut", "there is no function walnut; there is hello"),
    ("tasks cancel walnut", "there is no task walnut; find its id with: taskdock tasks list"),
    ("tasks cancel a/..", "there is no task a/..; find its id with: taskdock tasks list"),
    ("functions show ../walnut", "there is no function ../walnut; there is hello"),
    (
        "events subscribe walnut hello",
        f"EVENT_TYPE: there is no walnut; known: task_failed{FIELD}",
    ),
    (
        "doubles add GET x --text a",
        f"a path begins with a slash, as in /data/v1/{{schema}}/documents, not 'x'{FIELD}",
    ),
    (
        "doubles add GET /x --rql eq(a --text a",
        f"`rql` is no RQL: a closing parenthesis is missing (at character 5){FIELD}",
    ),
    (
        "clock set 2200-01-01T00:00:00Z",
        f"TIME: that is beyond the year 2099, and times here end with it{FIELD}",
    ),
    (
        "clock advance 1s",
        "This server's clock is the machine's; start it with --clock manual or --clock auto."
        " (1901 CLOCK_IS_REAL_EXCEPTION)",
    ),
    (
        "faults clear walnut",
        "there is no fault walnut; taskdock faults list shows those there are"
        " (16 RESOURCE_UNKNOWN_EXCEPTION)",
    ),
]


@pytest.fixture(scope="module")
def dock(shared: Dock) -> Dock:
    administrator(shared).post("/tasks/v1/functions", new_function("hello"))
    return shared


@pytest.mark.parametrize(("call", "said"), REFUSED, ids=[call for call, _ in REFUSED])
def test_a_call_that_the_server_refuses_says_what_to_change(
    dock: Dock, call: str, said: str
) -> None:
    result = CliRunner().invoke(
        main, shlex.split(call), env={"TASKDOCK_URL": dock.emulator.url}, prog_name="taskdock"
    )

    assert result.stderr == f"Error: {said}\n"
    assert (result.exit_code, result.stdout) == (2, "")
    assert administrator(dock).get("/tasks/v1/")["data"] == []
