"""Climbing: a user, or a function, tries to do more than its user may. Real HTTP, and containers'
doors."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from requests_oauthlib import OAuth1

from taskdock.base.errors import StartupError
from taskdock.base.settings import Settings
from taskdock.identity.directory import ADMINISTRATOR, FUNCTIONS
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.zips import base64_of, zip_of
from tests.support.builders import DATABASE, Dock, StartDock
from tests.support.people import Json, Person, administrator, nobody, person, refusal

NO_PERMISSION = (401, 10, "NO_PERMISSION_EXCEPTION")
NOT_AUTHENTICATED = (401, 104, "USER_NOT_AUTHENTICATED_EXCEPTION")
TOKEN = (401, 108, "OAUTH_TOKEN_EXCEPTION")
DEPLOYER = ("CREATE_TASK_FUNCTION", "UPDATE_TASK_FUNCTION", "EXECUTE_TASK_FUNCTION")
NAMES = ("CONSUMER_KEY", "CONSUMER_SECRET", "TOKEN", "TOKEN_SECRET")
FUNCTIONS_PATH = "/tasks/v1/functions/"
LAMBDA = "/2015-03-31/functions"
ME = "/users/v1/me"


@pytest.fixture
def strict(start_dock: StartDock) -> Dock:
    return start_dock(auth="strict")


def body(name: str = "oak", **fields: Any) -> Json:
    return new_function(name, entryPoint=name, **fields)


def program(dock: Dock, *names: str) -> None:
    """Functions that say what they were given."""
    for name in names or ("oak",):
        dock.engine.programs[name] = serve(lambda event, runtime: runtime.program.environment)


def given(by: Person, name: str = "oak") -> Json:
    """The variables of a function."""
    result: Json = by.post(f"{FUNCTIONS_PATH}{name}/execute", {})["result"]
    return result


def function_of(dock: Dock, by: Person, name: str = "oak") -> Person:
    """What a function signs as."""
    return signer(dock, given(by, name))


def signer(dock: Dock, variables: Json) -> Person:
    return Person(dock.emulator.url, OAuth1(*(variables[f"API_OAUTH_{n}"] for n in NAMES)))


def deploy(dock: Dock, by: Person, name: str = "oak", **fields: Any) -> Person:
    program(dock, name)
    by.post(FUNCTIONS_PATH, body(name, **fields))
    return function_of(dock, administrator(dock), name)


def update(by: Person, changes: Json, name: str = "oak") -> None:
    assert by.ask("PUT", FUNCTIONS_PATH + name, changes).status_code == 200


def code() -> str:
    return base64_of(zip_of({"index.py": "other = 1\n"}))


# Functions


def test_a_function_may_do_what_who_deployed_it_may_and_no_more(strict: Dock) -> None:
    ada = person(strict, *DEPLOYER)

    oak = deploy(strict, ada)

    assert oak.get(ME)["id"] == ada.id
    assert refusal(oak.ask("GET", "/users/v1/")) == NO_PERMISSION
    assert refusal(oak.ask("GET", "/auth/v2/applications")) == NO_PERMISSION
    assert oak.ask("POST", FUNCTIONS_PATH, body("elm")).status_code == 200


def test_the_administrators_function_may_do_what_the_administrator_may(strict: Dock) -> None:
    oak = deploy(strict, administrator(strict))

    assert oak.get(ME)["email"] == ADMINISTRATOR
    assert oak.ask("GET", "/users/v1/").status_code == 200


def test_what_a_function_may_do_is_judged_at_each_call(strict: Dock) -> None:
    ada, boss = person(strict, *DEPLOYER, "VIEW_TASKS"), administrator(strict)
    oak = deploy(strict, ada)
    assert oak.ask("GET", "/tasks/v1/").status_code == 200

    role = f"?eq(name,role-{ada.id})"
    boss.post(f"/users/v1/roles/remove_permissions{role}", {"permissions": ["VIEW_TASKS"]})
    assert refusal(oak.ask("GET", "/tasks/v1/")) == NO_PERMISSION

    assert boss.ask("DELETE", f"/users/v1/{ada.id}").status_code == 200
    assert refusal(oak.ask("GET", ME)) == TOKEN


def test_a_function_of_a_user_who_is_gone_is_given_nothing_that_counts(strict: Dock) -> None:
    ada, boss = person(strict, *DEPLOYER), administrator(strict)
    deploy(strict, ada)
    boss.ask("DELETE", f"/users/v1/{ada.id}")
    update(boss, {"memoryLimit": 256})  # what ada has left is still there

    assert refusal(function_of(strict, boss).ask("GET", ME)) == TOKEN


def test_a_chain_of_deployments_climbs_nowhere(strict: Dock) -> None:
    oak = deploy(strict, person(strict, *DEPLOYER))

    elm = deploy(strict, oak, "elm")
    ash = deploy(strict, elm, "ash")

    assert ash.get(ME) == oak.get(ME)
    assert refusal(ash.ask("GET", "/users/v1/")) == NO_PERMISSION


@pytest.mark.parametrize(
    "changes",
    [
        {"code": code()},
        {"entryPoint": "other"},
        {"environmentVariables": {"NODE_OPTIONS": {"value": "--import data:,"}}},
        {"runtime": "python3.13"},
        {"code": code(), "entryPoint": "oak", "environmentVariables": {}},
    ],
    ids="-".join,
)
def test_who_changes_the_administrators_function_does_not_get_its_rights(
    strict: Dock, changes: Json
) -> None:
    boss, ada = administrator(strict), person(strict, *DEPLOYER)
    deploy(strict, boss)
    program(strict, "other")

    update(ada, changes)

    oak = function_of(strict, boss)
    assert refusal(oak.ask("GET", "/users/v1/")) == NO_PERMISSION
    assert refusal(oak.ask("PUT", f"/users/v1/{boss.id}", {"firstName": "A"})) == NO_PERMISSION


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "new"},
        {"retryPolicy": {"enabled": True}},
        {"executionOptions": {"permissionMode": "public"}},
    ],
    ids="-".join,
)
def test_a_change_of_what_does_not_run_leaves_a_function_its_rights(
    strict: Dock, changes: Json
) -> None:
    boss = administrator(strict)
    deploy(strict, boss)

    update(person(strict, *DEPLOYER), changes)

    assert function_of(strict, boss).get(ME)["id"] == boss.id


def test_a_variable_that_was_left_behind_does_not_lead_the_administrators_code(
    strict: Dock,
) -> None:
    boss, ada = administrator(strict), person(strict, *DEPLOYER)
    trap = {"NODE_OPTIONS": {"value": "--import data:,"}}
    deploy(strict, ada, environmentVariables=trap)

    update(boss, {"code": code(), "entryPoint": "oak"})

    oak = function_of(strict, boss)
    assert refusal(oak.ask("GET", "/users/v1/")) == NO_PERMISSION
    assert oak.get(ME)["email"] == FUNCTIONS  # neither of the two
    assert refusal(oak.ask("PUT", f"/users/v1/{boss.id}", {"firstName": "A"})) == NO_PERMISSION


def test_what_is_the_own_of_all_functions_account_is_not_that_of_a_function_of_several(
    strict: Dock,
) -> None:
    boss = administrator(strict)
    deploy(strict, person(strict, *DEPLOYER))
    update(boss, {"memoryLimit": 256})
    oak = function_of(strict, boss)
    shared = oak.get(ME)["id"]
    tokens = boss.get(f"/auth/v2/oauth1/tokens?eq(userId,{shared})")["data"]
    assert len(tokens) == 1

    asked = [
        oak.ask("PUT", f"/users/v1/{shared}", {"firstName": "Climbed"}),
        oak.ask("GET", "/auth/v2/oauth1/tokens"),
        oak.ask("DELETE", f"/auth/v2/oauth1/tokens/{tokens[0]['id']}"),
        oak.ask("GET", "/auth/v2/oauth2/refreshTokens"),
    ]

    assert [refusal(each) for each in asked] == [NO_PERMISSION] * len(asked)


def test_who_may_change_users_and_tokens_changes_none_of_those_who_may_do_everything(
    strict: Dock,
) -> None:
    boss = administrator(strict)
    ada = person(strict, "UPDATE_USER", "VIEW_AUTHORIZATIONS", "DELETE_AUTHORIZATIONS")
    bob = person(strict, "VIEW_TASKS")
    tokens = "/auth/v2/oauth1/tokens"
    of_each = {token["userId"]: token["id"] for token in ada.get(tokens)["data"]}

    for asked in (
        ada.ask("PUT", f"/users/v1/{boss.id}", {"firstName": "Climbed"}),
        ada.ask("DELETE", f"{tokens}/{of_each[boss.id]}"),
    ):
        assert refusal(asked) == NO_PERMISSION
    assert boss.get(ME)["firstName"] == "Administrator"  # who is signed in as before

    assert ada.ask("PUT", f"/users/v1/{bob.id}", {"firstName": "Bob"}).status_code == 200
    assert ada.ask("DELETE", f"{tokens}/{of_each[bob.id]}").status_code == 200
    assert refusal(bob.ask("GET", ME)) == TOKEN


def test_a_function_that_is_deployed_anew_is_who_did_its(strict: Dock) -> None:
    boss, ada = administrator(strict), person(strict, *DEPLOYER)
    deploy(strict, ada, environmentVariables={"A_TRAP": {"value": "1"}})

    update(boss, {"code": code(), "entryPoint": "oak", "environmentVariables": {}})

    assert function_of(strict, boss).get(ME)["id"] == boss.id


def test_what_runs_already_keeps_nothing_of_who_deployed_the_same_before(strict: Dock) -> None:
    boss, ada = administrator(strict), person(strict, *DEPLOYER)
    assert deploy(strict, boss).get(ME)["id"] == boss.id  # and it idles

    same = {name: body()[name] for name in ("code", "entryPoint")}
    update(ada, {**same, "environmentVariables": {}})

    assert function_of(strict, boss).get(ME)["id"] == ada.id


def test_what_a_function_of_several_deploys_is_the_work_of_all_of_them(strict: Dock) -> None:
    boss, ada = administrator(strict), person(strict, *DEPLOYER)
    deploy(strict, ada)
    update(boss, {"memoryLimit": 256})

    elm = deploy(strict, function_of(strict, boss), "elm")

    made = strict.emulator.catalog.get("elm")
    assert made.deployers == (ada.id, boss.id)
    assert refusal(elm.ask("GET", "/users/v1/")) == NO_PERMISSION


def test_credentials_that_a_function_gave_away_do_not_grow(strict: Dock) -> None:
    boss, ada = administrator(strict), person(strict, *DEPLOYER)
    stolen = deploy(strict, ada)
    update(boss, {"code": code(), "entryPoint": "oak", "environmentVariables": {}})

    assert stolen.get(ME)["id"] == ada.id
    assert refusal(stolen.ask("GET", "/users/v1/")) == NO_PERMISSION


def test_a_functions_credentials_end_with_it(strict: Dock) -> None:
    boss = administrator(strict)
    oak = deploy(strict, boss)

    assert boss.ask("DELETE", f"{FUNCTIONS_PATH}oak").status_code == 200
    assert refusal(oak.ask("GET", ME)) == TOKEN
    deploy(strict, boss)

    assert refusal(oak.ask("GET", ME)) == (401, 109, "OAUTH_SIGNATURE_EXCEPTION")


@pytest.mark.parametrize("whose", ["administrator", "everything", "nobody", "another function"])
def test_a_functions_token_cannot_be_made_up(strict: Dock, whose: str) -> None:
    boss, ada = administrator(strict), person(strict, *DEPLOYER)
    deploy(strict, boss, "elm")
    deploy(strict, ada)
    variables = given(ada)
    local = strict.emulator.directory.local
    variables["API_OAUTH_TOKEN"] = {
        "administrator": f"function.oak.{boss.id}",
        "everything": f"function.oak.{local.functions.user_id}",
        "nobody": "function.oak.",
        "another function": f"function.elm.{boss.id}",
    }[whose]

    answer = signer(strict, variables).ask("GET", ME)

    assert refusal(answer)[1] in (108, 109)


def test_a_functions_token_is_in_nobodys_list_and_outlives_a_changed_password(
    strict: Dock,
) -> None:
    user = nobody(strict).post(
        "/users/v1/register",
        {
            "firstName": "Ada",
            "lastName": "Oak",
            "email": "ada@example.com",
            "password": "0Oo-walnut",
            "phoneNumber": "",
            "language": "EN",
        },
    )
    boss = administrator(strict)
    role = boss.post("/users/v1/roles", {"name": "deployer", "description": ""})
    boss.post("/users/v1/roles/add_permissions?eq(name,deployer)", {"permissions": [*DEPLOYER]})
    boss.post(f"/users/v1/add_roles?eq(id,{user['id']})", {"roles": [role["id"]]})
    application = strict.emulator.directory.local.application
    keys = (application.consumer_key, application.consumer_secret)
    login = {"email": "ada@example.com", "password": "0Oo-walnut"}
    token = Person(boss.url, OAuth1(*keys)).post("/auth/v2/oauth1/tokens", login)
    ada = Person(boss.url, OAuth1(*keys, token["token"], token["tokenSecret"]))
    oak = deploy(strict, ada)

    listed = ada.get("/auth/v2/oauth1/tokens")["data"]
    change = {"oldPassword": "0Oo-walnut", "newPassword": "0Oo-elm-tree"}
    assert ada.ask("PUT", "/users/v1/password", change).status_code == 200

    assert [each["id"] for each in listed] == [token["id"]]
    assert oak.get(ME)["id"] == user["id"]


def test_a_function_that_brings_its_own_credentials_is_its_own_users(strict: Dock) -> None:
    boss, ada = administrator(strict), person(strict, "VIEW_TASKS")
    assert isinstance(ada.auth, OAuth1)
    client = ada.auth.client
    own = dict(
        zip(
            (f"API_OAUTH_{name}" for name in NAMES),
            (
                *(client.client_key, client.client_secret),
                *(client.resource_owner_key, client.resource_owner_secret),
            ),
            strict=True,
        )
    )

    oak = deploy(
        strict, boss, environmentVariables={key: {"value": value} for key, value in own.items()}
    )

    assert oak.get(ME)["id"] == ada.id


def test_without_credentials_a_function_gets_none(start_dock: StartDock) -> None:
    dock = start_dock(auth="strict", function_credentials="none")
    boss = administrator(dock)
    program(dock)
    boss.post(FUNCTIONS_PATH, body())

    variables = given(boss)

    assert not [name for name in variables if name.startswith("API_OAUTH_")]
    assert variables["API_HOST"]


def test_limited_credentials_do_not_count_with_another_choice(start_dock: StartDock) -> None:
    limited = start_dock(auth="strict")
    boss = administrator(limited)
    program(limited)
    boss.post(FUNCTIONS_PATH, body())
    variables = given(boss)
    limited.stop()

    for choice in ("none", "all"):
        dock = start_dock(auth="strict", function_credentials=choice)
        assert refusal(signer(dock, variables).ask("GET", ME)) == TOKEN
        dock.stop()


def test_everything_is_what_functions_may_do_only_where_that_is_said(
    start_dock: StartDock,
) -> None:
    dock = start_dock(auth="strict", function_credentials="all")
    ada = person(dock, *DEPLOYER)

    oak = deploy(dock, ada)

    assert oak.get(ME)["email"] == FUNCTIONS
    assert oak.ask("GET", "/users/v1/").status_code == 200


def test_what_a_function_with_all_rights_has_deployed_keeps_none_of_them(
    start_dock: StartDock,
) -> None:
    before = start_dock(auth="strict", function_credentials="all")
    oak = deploy(before, person(before, *DEPLOYER))
    oak.post(FUNCTIONS_PATH, body("elm"))
    before.stop()

    dock = start_dock(auth="strict")
    program(dock, "elm")

    elm = function_of(dock, administrator(dock), "elm")
    assert refusal(elm.ask("GET", ME)) == TOKEN


def test_a_function_of_nobody_knows_whom_gets_nothing_until_it_is_deployed(
    start_dock: StartDock,
) -> None:
    before = start_dock()
    deploy(before, administrator(before))
    before.stop()
    with closing(sqlite3.connect(before.emulator.settings.data_dir / DATABASE)) as database:
        database.execute('UPDATE "function" SET "deployers" = NULL')
        database.commit()
    dock = start_dock(auth="strict")
    program(dock)
    boss = administrator(dock)

    update(boss, {"memoryLimit": 256})
    assert not [name for name in given(boss) if name.startswith("API_OAUTH_")]

    update(boss, {"code": code(), "entryPoint": "oak"})
    assert function_of(dock, boss).get(ME)["id"] == boss.id


@pytest.mark.parametrize("choice", ["ALL", "everything", ""])
def test_a_choice_that_there_is_not_is_refused(choice: str) -> None:
    if choice:
        with pytest.raises(StartupError, match="function_credentials"):
            Settings.load({"function_credentials": choice}, {})
    assert Settings.load({}, {}).function_credentials == "auto"


# By the container's door, without credentials


def by_its_door(method: str, path: str, sent: Any = None) -> Callable[[Any, FakeRuntime], Json]:
    """A handler that asks the server, unsigned, and returns the status and the answer."""

    def handler(event: Any, runtime: FakeRuntime) -> Json:
        connection = http.client.HTTPConnection("localhost:9002")
        connection.sock = runtime.connect("localhost:9002")
        try:
            connection.request(method, path, None if sent is None else json.dumps(sent))
            answer = connection.getresponse()
            return {"status": answer.status, "body": json.loads(answer.read() or b"null")}
        finally:
            connection.close()

    return handler


def asked(dock: Dock, deployer: Person, method: str, path: str, sent: Any = None) -> Json:
    dock.engine.programs["oak"] = serve(by_its_door(method, path, sent))
    deployer.post(FUNCTIONS_PATH, body())
    result: Json = administrator(dock).post(f"{FUNCTIONS_PATH}oak/execute", {})["result"]
    return result


@pytest.mark.parametrize(
    ("settings", "status", "who"),
    [
        ({"auth": "open"}, 200, FUNCTIONS),
        ({"auth": "open", "function_credentials": "limited"}, 200, "deployer"),
        ({"auth": "open", "function_credentials": "none"}, 401, None),
        ({"auth": "strict"}, 401, None),
        ({"auth": "strict", "function_credentials": "all"}, 401, None),
    ],
)
def test_unsigned_a_function_is_what_its_credentials_would_make_it(
    start_dock: StartDock, settings: Json, status: int, who: str | None
) -> None:
    dock = start_dock(**settings)
    ada = person(dock, *DEPLOYER)

    result = asked(dock, ada, "GET", ME)

    assert result["status"] == status
    if who == "deployer":
        assert result["body"]["id"] == ada.id
    elif who is not None:
        assert result["body"]["email"] == who


def test_unsigned_a_limited_function_is_not_the_administrator(start_dock: StartDock) -> None:
    dock = start_dock(function_credentials="limited")

    result = asked(dock, person(dock, *DEPLOYER), "GET", "/auth/v2/applications")

    assert (result["status"], result["body"]["code"]) == (401, 10)


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        ({"auth": "open"}, 200, ""),
        ({"auth": "open", "function_credentials": "limited"}, 403, "--function-credentials all"),
        ({"auth": "open", "function_credentials": "none"}, 403, "--function-credentials all"),
        ({"auth": "strict", "function_credentials": "all"}, 403, "loopback"),
    ],
)
@pytest.mark.parametrize(
    "call", [("GET", LAMBDA), ("POST", f"{LAMBDA}/elm/invocations")], ids=lambda call: call[0]
)
def test_the_lambda_api_is_for_functions_that_may_do_everything(
    start_dock: StartDock, settings: Json, status: int, says: str, call: tuple[str, str]
) -> None:
    dock = start_dock(**settings)
    dock.engine.programs["elm"] = serve(lambda event, runtime: "called")
    administrator(dock).post(FUNCTIONS_PATH, new_function("elm", entryPoint="elm"))

    result = asked(dock, administrator(dock), *call, {})

    assert result["status"] == status
    assert says in json.dumps(result["body"])


def test_a_function_that_deploys_unsigned_passes_on_what_it_has(start_dock: StartDock) -> None:
    dock = start_dock(function_credentials="limited")
    ada = person(dock, *DEPLOYER)
    program(dock, "elm")

    assert asked(dock, ada, "POST", FUNCTIONS_PATH, body("elm"))["status"] == 200

    assert function_of(dock, administrator(dock), "elm").get(ME)["id"] == ada.id


def test_who_deploys_unsigned_from_this_machine_is_the_administrator(
    start_dock: StartDock,
) -> None:
    dock = start_dock(function_credentials="limited")

    oak = deploy(dock, nobody(dock))

    assert oak.get(ME)["email"] == ADMINISTRATOR


# Users


SERVERS_ROLE = "taskdock.administrator"


@pytest.mark.parametrize(
    ("permission", "method", "path", "sent"),
    [
        ("ADD_ROLE_TO_USER", "POST", "/users/v1/add_roles?eq(id,{ada})", {"roles": ["{role}"]}),
        (
            "REMOVE_ROLE_FROM_USER",
            "POST",
            "/users/v1/remove_roles?eq(id,{boss})",
            {"roles": ["{role}"]},
        ),
        (
            "ADD_ROLE_PERMISSION",
            "POST",
            "/users/v1/roles/add_permissions?eq(name,{name})",
            {"permissions": ["VIEW_TASKS"]},
        ),
        (
            "REMOVE_ROLE_PERMISSION",
            "POST",
            "/users/v1/roles/remove_permissions?eq(name,{name})",
            {"permissions": ["VIEW_TASKS"]},
        ),
        ("UPDATE_ROLE", "PUT", "/users/v1/roles/{role}", {"name": "mine"}),
        ("DELETE_ROLE", "DELETE", "/users/v1/roles?eq(name,{name})", {}),
        ("DELETE_USER", "DELETE", "/users/v1/{boss}", {}),
    ],
)
def test_the_servers_own_role_and_its_users_are_for_who_may_do_everything(
    strict: Dock, permission: str, method: str, path: str, sent: Json
) -> None:
    boss, ada = administrator(strict), person(strict, permission)
    (role,) = boss.get(f"/users/v1/roles?eq(name,{SERVERS_ROLE})")["data"]
    names = {"ada": ada.id, "boss": boss.id, "role": role["id"], "name": SERVERS_ROLE}
    filled = json.loads(json.dumps(sent).replace("{role}", role["id"]))

    answer = ada.ask(method, path.format(**names), filled)

    assert refusal(answer) == NO_PERMISSION
    assert SERVERS_ROLE in answer.json()["message"]
    assert boss.ask("GET", "/users/v1/").status_code == 200
    assert refusal(ada.ask("GET", "/tasks/v1/")) == NO_PERMISSION


def test_no_role_gets_everything_by_a_request(strict: Dock) -> None:
    boss = administrator(strict)
    boss.post("/users/v1/roles", {"name": "mine", "description": ""})

    for name in ("*", " *", "*:", "VIEW_TASKS\n*"):
        answer = boss.ask(
            "POST", "/users/v1/roles/add_permissions?eq(name,mine)", {"permissions": [name]}
        )
        assert answer.status_code == 400, name
        assert refusal(answer)[1] == 15


@pytest.mark.parametrize("name", ["administrator", "functions", "Administrator", "somebody"])
def test_nobody_registers_as_one_of_the_servers_own(strict: Dock, name: str) -> None:
    """Who has the administrator's address at a start is given everything."""
    wanted = {
        "firstName": "A",
        "lastName": "B",
        "email": f"{name}@TASKDOCK.localhost",
        "password": "0Oo-walnut",
        "phoneNumber": "",
        "language": "EN",
    }

    assert refusal(nobody(strict).ask("POST", "/users/v1/register", wanted))[1] == 203


@pytest.mark.parametrize("kind", ["oauth1/tokens", "oauth2/tokens", "oauth2/refreshTokens"])
def test_tokens_of_others_are_neither_seen_nor_removed(strict: Dock, kind: str) -> None:
    boss, ada = administrator(strict), person(strict)
    tokens = strict.emulator.directory.tokens
    application = strict.emulator.directory.local.application
    refresh = tokens.issue_refresh(boss.id, application)
    access = tokens.issue_access(refresh, application)
    (oauth1,) = boss.get(f"/auth/v2/oauth1/tokens?eq(userId,{boss.id})")["data"]
    ids = {
        "oauth1/tokens": oauth1["id"],
        "oauth2/tokens": access.id,
        "oauth2/refreshTokens": refresh.id,
    }

    seen = ada.get(f"/auth/v2/{kind}?eq(userId,{boss.id})")["data"]
    answer = ada.ask("DELETE", f"/auth/v2/{kind}/{ids[kind]}")

    assert seen == []
    assert refusal(answer)[:2] == (404, 16)
    assert boss.ask("GET", ME).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "x-exh-requesting-user-id",
        "X-Exh-Requesting-User-Id",
        "x_exh_requesting_user_id",
        "X-EXH-Requesting_User-Id",
        "x-exh-requesting-application-id",
    ],
)
def test_who_calls_an_api_function_cannot_say_to_be_another(strict: Dock, name: str) -> None:
    boss, ada = administrator(strict), person(strict)
    events: list[Any] = []
    strict.engine.programs["oak"] = serve(
        lambda event, runtime: events.append(event) or {"statusCode": 200}
    )
    options = {"permissionMode": "public"}
    boss.post(FUNCTIONS_PATH, body(executionOptions=options))

    for someone in (ada, nobody(strict)):
        answer = someone.ask("GET", "/tasks/v1/api/oak/", headers={name: boss.id})
        assert answer.status_code == 200

    signed, unsigned = ({k.lower(): v for k, v in event["headers"].items()} for event in events)
    assert signed["x-exh-requesting-user-id"] == ada.id
    assert "x-exh-requesting-user-id" not in unsigned
    for headers in (signed, unsigned):
        assert boss.id not in [
            value for key, value in headers.items() if key.replace("_", "-").startswith("x-exh-")
        ]


@pytest.mark.parametrize(
    ("permission", "method", "path", "sent"),
    [
        ("CREATE_TASKS", "POST", "/tasks/v1/", {"functionName": "oak"}),
        (
            "CREATE_TASK_SCHEDULE",
            "POST",
            "/tasks/v1/schedules",
            {"functionName": "oak", "interval": 60},
        ),
        (
            "CREATE_SUBSCRIPTIONS",
            "POST",
            "/events/v1/subscriptions",
            {"functionName": "oak", "eventTypes": ["task_failed"]},
        ),
        ("EXECUTE_TASK_FUNCTION", "POST", "/tasks/v1/functions/oak/execute", {}),
    ],
)
def test_who_has_a_function_run_gets_its_answer_and_none_of_its_rights(
    strict: Dock, permission: str, method: str, path: str, sent: Json
) -> None:
    boss, ada = administrator(strict), person(strict, permission)
    strict.engine.programs["oak"] = serve(lambda event, runtime: None)
    boss.post(FUNCTIONS_PATH, body())

    assert ada.ask(method, path, sent).status_code == 200

    assert refusal(ada.ask("PUT", f"{FUNCTIONS_PATH}oak", {"code": code()})) == NO_PERMISSION
    assert refusal(ada.ask("GET", f"{FUNCTIONS_PATH}oak")) == NO_PERMISSION
    (function,) = strict.emulator.catalog.all()
    assert function.deployers == (boss.id,)


def test_a_users_functions_key_is_shown_to_nobody(strict: Dock) -> None:
    boss = administrator(strict)
    deploy(strict, boss)
    (function,) = strict.emulator.catalog.all()
    key = function.credentials_key
    assert key

    shown = boss.ask("GET", f"{FUNCTIONS_PATH}oak").text + nobody(strict).ask("GET", LAMBDA).text

    assert key not in shown
    assert key not in repr(function)
