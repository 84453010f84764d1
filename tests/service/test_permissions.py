"""Permissions: each endpoint asks for its own and no other, execution for what its mode says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from requests_oauthlib import OAuth1
from werkzeug.routing import Rule

from taskdock.base.errors import TaskdockError
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import serve
from taskdock.web.access import permissions
from taskdock.web.common.endpoint import DeclaredRule, Endpoint, Gate, declared
from taskdock.web.public.app import PublicApplication
from tests.support.builders import Dock
from tests.support.endpoints import APPLICATION
from tests.support.people import Person, administrator, nobody, person, refusal

NO_PERMISSION = (401, 10, "NO_PERMISSION_EXCEPTION")
NOT_AUTHENTICATED = (401, 104, "USER_NOT_AUTHENTICATED_EXCEPTION")

ID = "0123456789abcdef01234567"
ROWS = [
    ("VIEW_TASKS", "GET", "/tasks/v1/"),
    ("CREATE_TASKS", "POST", "/tasks/v1/"),
    ("CANCEL_TASKS", "POST", f"/tasks/v1/{ID}/cancel"),
    ("VIEW_TASK_LOGS", "GET", f"/tasks/v1/{ID}/logs"),
    ("VIEW_TASK_FUNCTIONS", "GET", "/tasks/v1/functions"),
    ("VIEW_TASK_FUNCTIONS", "GET", "/status"),
    ("CREATE_TASK_FUNCTION", "POST", "/tasks/v1/functions"),
    ("VIEW_TASK_FUNCTION_DETAILS", "GET", "/tasks/v1/functions/oak"),
    ("UPDATE_TASK_FUNCTION", "PUT", "/tasks/v1/functions/oak"),
    ("DELETE_TASK_FUNCTION", "DELETE", "/tasks/v1/functions/oak"),
    ("UPDATE_TASK_FUNCTION", "POST", "/tasks/v1/functions/oak/enable"),
    ("UPDATE_TASK_FUNCTION", "POST", "/tasks/v1/functions/oak/disable"),
    ("EXECUTE_TASK_FUNCTION", "POST", "/tasks/v1/functions/oak/execute"),
    ("VIEW_TASK_FUNCTION_LOGS", "GET", "/tasks/v1/functions/oak/logs"),
    ("EXECUTE_API_FUNCTION", "GET", "/tasks/v1/api/oak/"),
    ("EXECUTE_API_FUNCTION", "PATCH", "/tasks/v1/api/oak/leaves/3"),
    ("VIEW_API_FUNCTION_REQUESTS", "GET", "/tasks/v1/apiRequests"),
    ("VIEW_API_FUNCTION_REQUEST_LOGS", "GET", f"/tasks/v1/apiRequests/{ID}/logs"),
    ("VIEW_TASK_SCHEDULES", "GET", "/tasks/v1/schedules"),
    ("CREATE_TASK_SCHEDULE", "POST", "/tasks/v1/schedules"),
    ("DELETE_TASK_SCHEDULE", "DELETE", f"/tasks/v1/schedules/{ID}"),
    ("VIEW_EVENTS", "GET", "/events/v1/"),
    ("VIEW_SUBSCRIPTIONS", "GET", "/events/v1/subscriptions"),
    ("CREATE_SUBSCRIPTIONS", "POST", "/events/v1/subscriptions"),
    ("CREATE_SUBSCRIPTIONS", "DELETE", f"/events/v1/subscriptions/{ID}"),
    ("VIEW_USER", "GET", "/users/v1/"),
    ("VIEW_USER", "GET", f"/users/v1/{ID}"),
    ("UPDATE_USER", "PUT", f"/users/v1/{ID}"),
    ("DELETE_USER", "DELETE", f"/users/v1/{ID}"),
    ("VIEW_ROLE", "GET", "/users/v1/roles"),
    ("CREATE_ROLE", "POST", "/users/v1/roles"),
    ("UPDATE_ROLE", "PUT", f"/users/v1/roles/{ID}"),
    ("DELETE_ROLE", "DELETE", "/users/v1/roles"),
    ("ADD_ROLE_PERMISSION", "POST", "/users/v1/roles/add_permissions"),
    ("REMOVE_ROLE_PERMISSION", "POST", "/users/v1/roles/remove_permissions"),
    ("ADD_ROLE_TO_USER", "POST", "/users/v1/add_roles"),
    ("REMOVE_ROLE_FROM_USER", "POST", "/users/v1/remove_roles"),
    ("VIEW_APPLICATIONS", "GET", "/auth/v2/applications"),
]
OF_OTHERS = [  # those that one needs for what is another's
    (f"{verb}_AUTHORIZATIONS", method, f"/auth/v2/{kind}{rest}")
    for verb, method, rest in (("VIEW", "GET", ""), ("DELETE", "DELETE", f"/{ID}"))
    for kind in ("oauth1/tokens", "oauth2/tokens", "oauth2/refreshTokens")
]
PERMISSIONS = sorted({permission for permission, _, _ in ROWS})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dock]:
    dock = Dock(tmp_path_factory.mktemp("strict") / "data", auth="strict")
    yield dock
    dock.stop()


@pytest.mark.parametrize(("permission", "method", "path"), ROWS)
def test_there_is_such_an_endpoint(strict: Dock, permission: str, method: str, path: str) -> None:
    answer = administrator(strict).ask(method, path, {})

    assert answer.json().get("code") != 11


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_a_permission_opens_its_own_endpoints_and_no_other(strict: Dock, permission: str) -> None:
    ada = person(strict, permission)

    answers = {row: ada.ask(row[1], row[2], {}) for row in ROWS}

    opened = {row for row, answer in answers.items() if answer.status_code != 401}
    assert opened == {row for row in ROWS if row[0] == permission}
    closed = [answer for row, answer in answers.items() if row not in opened]
    assert {refusal(answer) for answer in closed} == {NO_PERMISSION}


def test_every_endpoint_wants_to_know_who_is_asking(strict: Dock) -> None:
    for _, method, path in ROWS:
        assert refusal(nobody(strict).ask(method, path, {})) == NOT_AUTHENTICATED, path


def test_the_refusal_names_the_permission_that_is_missing(strict: Dock) -> None:
    answer = person(strict).ask("GET", "/tasks/v1/")

    assert "VIEW_TASKS" in answer.json()["message"]


@pytest.mark.parametrize(("permission", "method", "path"), [*ROWS, *OF_OTHERS])
def test_an_endpoint_declares_the_permission_that_it_asks_for(
    permission: str, method: str, path: str
) -> None:
    rule, _ = APPLICATION.url_map.bind("localhost").match(path, method, return_rule=True)
    endpoint = declared(rule)

    assert permission in (endpoint.permission, endpoint.runs, *endpoint.asks)


def test_every_route_of_the_server_is_declared() -> None:
    for rule in APPLICATION.url_map.iter_rules():
        for method in rule.methods or ():
            assert permissions.needed(rule, method)


def test_a_route_that_is_not_declared_does_not_start() -> None:
    application = PublicApplication("oak", static_folder=None)

    with pytest.raises(TaskdockError, match="/tasks/v1/walnuts/<name>/"):
        application.add_url_rule("/tasks/v1/walnuts/<name>/", view_func=dict)


def test_a_gate_is_no_permission_of_that_name() -> None:
    with pytest.raises(TaskdockError, match=r"Gate\.ANYONE"):
        Endpoint("GET", "/walnuts", permission="ANYONE")


def test_a_route_that_is_not_declared_is_nobodys() -> None:
    rule = Rule("/tasks/v1/walnuts/<name>/", methods=["POST"])

    with pytest.raises(TaskdockError, match="/tasks/v1/walnuts/<name>/"):
        permissions.needed(rule, "POST")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_head_needs_what_get_does_and_anyone_may_ask_which_methods_there_are(method: str) -> None:
    declaration = Endpoint("GET", "/walnuts", permission="VIEW_WALNUTS")
    rule = DeclaredRule("/walnuts", declaration=declaration)

    assert permissions.needed(rule, method) == "VIEW_WALNUTS"
    assert permissions.needed(rule, "OPTIONS") is Gate.ANYONE


def test_a_permission_that_a_role_lost_does_not_count_any_more(strict: Dock) -> None:
    ada, boss = person(strict, "VIEW_TASKS", "VIEW_ROLE"), administrator(strict)
    assert ada.ask("GET", "/tasks/v1/").status_code == 200

    boss.post(
        f"/users/v1/roles/remove_permissions?eq(name,role-{ada.id})",
        {"permissions": ["VIEW_TASKS"]},
    )

    assert refusal(ada.ask("GET", "/tasks/v1/")) == NO_PERMISSION
    assert ada.ask("GET", "/users/v1/roles").status_code == 200


def test_in_open_mode_the_permissions_of_credentials_count_too(dock: Dock) -> None:
    ada = person(dock, "VIEW_TASKS")

    assert ada.ask("GET", "/tasks/v1/").status_code == 200
    assert refusal(ada.ask("GET", "/tasks/v1/functions")) == NO_PERMISSION
    assert nobody(dock).ask("GET", "/tasks/v1/functions").status_code == 200


# Executing


MODES: dict[str, set[str]] = {  # who may, by the function's permission mode
    "permissionRequired": {"for all", "for this one"},
    "allUsers": {"for all", "for this one", "for another", "a user"},
    "public": {"for all", "for this one", "for another", "a user", "an application", "nobody"},
}


WAYS = {
    "EXECUTE_TASK_FUNCTION": ("POST", "/tasks/v1/functions/{}/execute"),
    "EXECUTE_API_FUNCTION": ("PATCH", "/tasks/v1/api/{}/leaves/3?of=oak"),
}


@pytest.fixture(scope="module")
def deployed(strict: Dock) -> None:
    for mode in MODES:
        strict.engine.programs[mode] = serve(lambda event, runtime: {"statusCode": 200})
        options = {"permissionMode": mode}
        body = new_function(mode, entryPoint=mode, executionOptions=options)
        administrator(strict).post("/tasks/v1/functions/", body)


@pytest.mark.parametrize("permission", WAYS)
@pytest.mark.parametrize("mode", MODES)
def test_who_may_run_a_function_is_said_by_its_mode(
    strict: Dock, deployed: None, permission: str, mode: str
) -> None:
    application = strict.emulator.directory.local.application
    (other,) = WAYS.keys() - {permission}
    people = {
        "for all": person(strict, permission),
        "for this one": person(strict, f"{permission}:{mode}"),
        "for another": person(strict, f"{permission}:elm", other),
        "a user": person(strict),
        "an application": Person(
            strict.emulator.url, OAuth1(application.consumer_key, application.consumer_secret)
        ),
        "nobody": nobody(strict),
    }
    method, path = WAYS[permission]

    answers = {name: someone.ask(method, path.format(mode), {}) for name, someone in people.items()}

    assert {name for name, answer in answers.items() if answer.ok} == MODES[mode]
    for name in answers.keys() - MODES[mode]:
        signed_in = name not in ("nobody", "an application")
        assert refusal(answers[name]) == (NO_PERMISSION if signed_in else NOT_AUTHENTICATED)


def test_a_task_knows_who_made_it(strict: Dock, deployed: None) -> None:
    application = strict.emulator.directory.local.application
    ada = person(strict, "CREATE_TASKS", "EXECUTE_TASK_FUNCTION")

    queued = ada.post("/tasks/v1/", {"functionName": "elm"})
    executed = ada.post("/tasks/v1/functions/public/execute", {})
    anonymous = nobody(strict).post("/tasks/v1/functions/public/execute", {})

    for task in (queued, executed):
        assert (task["createdByUserId"], task["createdByApplicationId"]) == (ada.id, application.id)
    assert not {"createdByUserId", "createdByApplicationId"} & anonymous.keys()


def test_whether_a_function_exists_is_not_told_to_who_may_not_execute_it(strict: Dock) -> None:
    path = "/tasks/v1/functions/no-such-tree/execute"

    assert refusal(person(strict).ask("POST", path)) == NO_PERMISSION
    assert person(strict, "EXECUTE_TASK_FUNCTION").ask("POST", path).json()["code"] == 16


def test_an_api_request_knows_who_made_it(strict: Dock, deployed: None) -> None:
    ada, boss = person(strict), administrator(strict)
    events: list[Any] = []
    strict.engine.programs["oak"] = serve(
        lambda event, runtime: events.append(event) or {"statusCode": 200}
    )
    options = {"permissionMode": "allUsers"}
    body = new_function("oak", entryPoint="oak", executionOptions=options)
    boss.post("/tasks/v1/functions/", body)
    forged = {"x-exh-requesting-user-id": boss.id}

    answer = ada.ask("GET", "/tasks/v1/api/oak/tree", headers=forged)
    unknown = nobody(strict).ask("GET", "/tasks/v1/api/oak/tree")

    assert (answer.status_code, unknown.status_code) == (200, 401)

    (event,) = events
    assert event["headers"]["x-exh-requesting-user-id"] == ada.id
    (recorded,) = boss.get("/tasks/v1/apiRequests/?eq(functionName,oak)")["data"]
    assert (recorded["userId"], recorded["path"]) == (ada.id, "tree")
