"""executionCredentials of task-config.json: set up by `deploy`, request by request as by exh.

The order is that of ExtraHorizon/exh-cli, src/services/tasks/sync.ts and util.ts.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from requests_oauthlib import OAuth1

from taskdock.client.api import Json, TaskService
from taskdock.client.deployment import credentials
from taskdock.client.errors import CredentialsTaken
from taskdock.client.servers.credentials import signature
from taskdock.commands import main
from taskdock.testing.zips import base64_of, zip_of
from tests.service.conftest import StartDock
from tests.support.builders import Dock
from tests.support.people import Person

EMAIL = "exh.tasks+oak@extrahorizon.com"
ROLE = "exh.tasks.oak"


@pytest.fixture(params=["open", "strict"])
def dock(start_dock: StartDock, request: pytest.FixtureRequest) -> Dock:
    return start_dock(auth=request.param)


def own(dock: Dock) -> dict[str, str]:
    """What `eval "$(taskdock env)"` sets."""
    return {"API_HOST": dock.emulator.url, **dock.emulator.directory.local.credentials}


def write(folder: Path, *permissions: str, **fields: Any) -> Path:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "index.py").write_text("def handler(event, context):\n    return 1\n")
    asked = {"permissions": list(permissions)}
    config = {
        "name": "oak",
        "path": "src",
        "entryPoint": "index.handler",
        "runtime": "python3.11",
        "executionCredentials": asked,
        **fields,
    }
    (folder / "task-config.json").write_text(json.dumps(config))
    return folder


def deploy(dock: Dock, folder: Path) -> Result:
    words = ["deploy", str(folder), "--url", dock.emulator.url]
    done = CliRunner().invoke(main, words, env=own(dock))
    assert done.exit_code == 0, done.output
    return done


def administrators(dock: Dock) -> TaskService:
    return TaskService(dock.emulator.url, signature(dock.emulator.url, own(dock)))


def variables(dock: Dock) -> dict[str, str]:
    with closing(administrators(dock)) as service:
        given = service.function("oak")["environmentVariables"]
    return {name: one["value"] for name, one in given.items()}


def as_function(dock: Dock) -> Person:
    given = variables(dock)
    names = (*credentials.CONSUMER, *credentials.TOKEN)
    return Person(dock.emulator.url, OAuth1(*(given[name] for name in names)))


def test_a_function_acts_as_a_user_of_its_own_with_its_permissions_alone(
    dock: Dock, tmp_path: Path
) -> None:
    deploy(dock, write(tmp_path, "VIEW_TASKS"))

    oak = as_function(dock)
    me = oak.get("/users/v1/me")

    assert (me["email"], me["firstName"], me["lastName"]) == (EMAIL, "oak", "exh.tasks")
    (role,) = me["roles"]
    assert role["name"] == ROLE
    assert role["description"] == "A role created by the CLI for the execution of the task oak"
    assert variables(dock)["API_HOST"] == dock.emulator.url
    assert oak.get("/tasks/v1/")["data"] == []
    refused = oak.ask("POST", "/tasks/v1/", {"functionName": "oak"})
    assert (refused.status_code, refused.json()["code"]) == (401, 10)


def test_a_second_deployment_keeps_the_user_and_changes_the_permissions(
    dock: Dock, tmp_path: Path
) -> None:
    deploy(dock, write(tmp_path, "VIEW_TASKS", "VIEW_TASK_LOGS"))
    before, me = variables(dock), as_function(dock).get("/users/v1/me")

    deploy(dock, write(tmp_path, "VIEW_TASKS", "CREATE_TASKS"))

    assert variables(dock) == before
    after = as_function(dock).get("/users/v1/me")
    assert after["id"] == me["id"]
    (role,) = after["roles"]
    assert sorted(one["name"] for one in role["permissions"]) == ["CREATE_TASKS", "VIEW_TASKS"]


def test_a_function_that_was_deleted_gets_credentials_again(dock: Dock, tmp_path: Path) -> None:
    deploy(dock, write(tmp_path, "VIEW_TASKS"))
    with closing(administrators(dock)) as service:
        service.delete_function("oak")

    deploy(dock, write(tmp_path, "VIEW_TASKS"))

    assert as_function(dock).get("/users/v1/me")["email"] == EMAIL


class RecordedService(TaskService):
    """Keeps the requests that are made through it."""

    def __init__(self, dock: Dock) -> None:
        super().__init__(dock.emulator.url, signature(dock.emulator.url, own(dock)))
        self.made: list[str] = []

    def call(self, method: str, path: str, body: Json | None = None, **options: Any) -> Json:
        self.made.append(f"{method} {path.split('?', maxsplit=1)[0]}")
        return super().call(method, path, body, **options)


def request_for(*permissions: str, **fields: Any) -> Json:
    return {"name": "oak", "executionCredentials": {"permissions": list(permissions), **fields}}


def test_the_requests_are_those_of_exh_in_its_order(dock: Dock) -> None:
    with closing(RecordedService(dock)) as service:
        body = credentials.with_credentials(service, request_for("VIEW_TASKS"), own(dock))
        first = list(service.made)
        service.create_function(
            {
                **body,
                "entryPoint": "a.b",
                "runtime": "python3.11",
                "code": base64_of(zip_of({"a.py": ""})),
            }
        )
        service.made.clear()
        credentials.with_credentials(service, request_for("VIEW_TASK_LOGS"), own(dock))
        second = list(service.made)

    assert first == [
        "GET /users/v1/roles",
        "POST /users/v1/roles",
        "POST /users/v1/roles/add_permissions",
        "GET /users/v1/",
        "POST /users/v1/register",
        "POST /users/v1/add_roles",
        "POST /auth/v2/oauth1/tokens",
    ]
    assert second == [
        "GET /users/v1/roles",
        "POST /users/v1/roles/add_permissions",
        "POST /users/v1/roles/remove_permissions",
        "GET /users/v1/",
        "GET /tasks/v1/functions/oak",  # then /users/v1/me, signed as the function
    ]


def test_without_credentials_of_ones_own_the_application_is_asked_for(
    start_dock: StartDock,
) -> None:
    dock = start_dock()
    with closing(TaskService(dock.emulator.url)) as service:
        body = credentials.with_credentials(service, request_for(), {})

    given = {name: one["value"] for name, one in body["environmentVariables"].items()}
    assert given["API_OAUTH_CONSUMER_KEY"] == own(dock)["API_OAUTH_CONSUMER_KEY"]
    assert "executionCredentials" not in body


def test_a_user_who_was_not_made_for_the_function_is_left_alone(dock: Dock) -> None:
    with closing(RecordedService(dock)) as service:
        ada = {"firstName": "Ada", "lastName": "Walnut", "email": "ada@example.com"}
        more = {"password": "0Oo-walnut", "phoneNumber": "0", "language": "EN"}
        service.call("POST", "/users/v1/register", {**ada, **more})

        with pytest.raises(CredentialsTaken, match="was not made for this function"):
            credentials.with_credentials(service, request_for(email="Ada@example.com"), own(dock))

        assert service.call("GET", "/users/v1/?eq(firstName,Ada)")["data"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"environment": {"API_OAUTH_TOKEN": "x", "API_HOST": "y"}},
            "environment has API_HOST, API_OAUTH_TOKEN, which executionCredentials sets",
        ),
        (
            {"executionCredentials": {"permissions": [], "email": "nobody"}},
            "executionCredentials.email nobody is no e-mail address",
        ),
        ({"executionCredentials": {"email": "a@b.c"}}, "executionCredentials.permissions missing"),
    ],
)
def test_what_exh_refuses_is_refused_before_anything_is_sent(
    tmp_path: Path, fields: dict[str, Any], said: str
) -> None:
    folder = write(tmp_path, **fields)

    done = CliRunner().invoke(main, ["deploy", str(folder), "--url", "http://localhost:1"])

    assert done.exit_code == 2
    assert said in done.stderr
