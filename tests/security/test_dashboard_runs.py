"""The page of a run shows logs and buttons to those alone whom the API would let."""

from __future__ import annotations

from typing import Any

import pytest

from taskdock.testing.fakes.runtime import FakeRuntime
from tests.security.test_dashboard_sign_in import Browser, user
from tests.support.builders import Dock, StartDock

NAME = "walnut-table"
VIEWS = ("VIEW_TASKS", "VIEW_API_FUNCTION_REQUESTS")
SECRET = "a line of the log"
BUTTONS = {
    "Run again with the newest code": "EXECUTE_TASK_FUNCTION",
    "Queue a new task": "CREATE_TASKS",
    "Edit and run": "VIEW_TASK_FUNCTION_DETAILS",
    "Save recording": "VIEW_TASK_LOGS",
}
KEPT = "kept run of the API request"
LOGS = {
    "task": "VIEW_TASK_LOGS",
    "api": "VIEW_API_FUNCTION_REQUEST_LOGS",
    "invocation": "VIEW_TASK_FUNCTION_LOGS",
    "run": "VIEW_TASK_LOGS",
}
"""`run` is the kept run of the task."""


def handler(event: Any, runtime: FakeRuntime) -> Any:
    runtime.print(SECRET)
    return {"statusCode": 200, "body": ""}


@pytest.fixture
def runs(start_dock: StartDock) -> tuple[Dock, dict[str, str]]:
    """A strict server, and the paths of a run of each kind; and a task that waits."""
    open_dock = start_dock()
    open_dock.deploy_handler(handler, NAME, executionOptions={"permissionMode": "public"})
    task = open_dock.create_task()
    open_dock.finish(task)
    open_dock.get(f"/api/{NAME}/")
    open_dock.call("POST", f"/functions/{NAME}/invocations", json={}, base="/2015-03-31")
    found = open_dock.call("GET", "/activity", base="/taskdock").json()["data"]
    kept = open_dock.call("GET", "/runs", base="/taskdock").json()["data"]
    assert kept[0]["kind"] == "task"
    open_dock.create_task(startTimestamp="2040-01-01T00:00:00Z")
    open_dock.stop()
    ids = {**{row["kind"]: row["id"] for row in found}, "run": kept[0]["id"]}
    assert set(ids) == set(LOGS)
    paths = {k: f"/ui/runs/{k}/{v}" for k, v in ids.items()}
    (of_request,) = [run["id"] for run in kept if run["kind"] == "api"]
    return start_dock(auth="strict"), {**paths, KEPT: f"/ui/runs/run/{of_request}"}


def visitor(dock: Dock, name: str, *permissions: str, views: tuple[str, ...] = VIEWS) -> Browser:
    user(dock, f"{name}@example.com", *views, *permissions)
    browser = Browser(dock)
    browser.sign_in(f"{name}@example.com")
    return browser


def test_logs_and_buttons_are_for_those_who_may(runs: tuple[Dock, dict[str, str]]) -> None:
    dock, paths = runs
    del paths[KEPT]
    looks = visitor(dock, "looks")
    for kind, path in paths.items():
        for part in (path, f"{path}/part"):
            shown = looks.open(part)
            assert shown.status_code == 200
            assert SECRET not in shown.text
            assert f"needs the permission {LOGS[kind]}" in shown.text, part
            assert not [button for button in BUTTONS if button in shown.text]
    assert "Cancel task" not in looks.open("/ui/runs").text
    assert "Cancel ticked" not in looks.open("/ui/runs").text
    assert looks.open(f"{paths['run']}/recording").status_code == 403

    for number, permission in enumerate({*LOGS.values(), *BUTTONS.values(), "CANCEL_TASKS"}):
        one = visitor(dock, f"one{number}", permission)
        for kind, path in paths.items():
            text = one.open(path).text
            assert (SECRET in text) == (LOGS[kind] == permission), (kind, permission)
        task = one.open(paths["task"]).text
        expected = [button for button, needs in BUTTONS.items() if needs == permission]
        assert [button for button in BUTTONS if button in task] == expected
        shows = "Cancel task" in one.open("/ui/runs").text
        assert shows == (permission == "CANCEL_TASKS")


def test_api_requests_are_for_those_alone_who_may_see_them(
    runs: tuple[Dock, dict[str, str]],
) -> None:
    dock, paths = runs
    allowed = visitor(dock, "all", "EXECUTE_TASK_FUNCTION", "VIEW_TASK_FUNCTION_DETAILS")
    other = visitor(
        dock, "tasks", "EXECUTE_TASK_FUNCTION", "VIEW_TASK_FUNCTION_DETAILS", views=VIEWS[:1]
    )
    run = paths[KEPT].rpartition("/")[2]
    ways = [paths["api"], f"{paths['api']}/part", paths[KEPT]]
    ways.append(f"/ui/functions/{NAME}/try?run={run}")

    assert [allowed.open(way).status_code for way in ways] == [200] * 4
    assert [other.open(way).status_code for way in ways] == [403] * 4
    assert allowed.send(f"{paths[KEPT]}/replay").status_code == 200
    assert other.send(f"{paths[KEPT]}/replay").status_code == 403
    listed = f"/ui/functions/{NAME}/runs"
    assert run in allowed.open(listed).text
    assert run not in other.open(listed).text
    tried = f"/ui/functions/{NAME}/try"
    assert "UTC, api" in allowed.open(tried).text
    assert "UTC, api" not in other.open(tried).text
    for query in ("", "?kind=api"):
        path = f"/ui/runs{query}"
        assert paths["api"] in allowed.open(path).text
        assert paths["api"] not in other.open(path).text
    assert paths["task"] in other.open("/ui/runs").text
