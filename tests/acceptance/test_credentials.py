"""Strict servers: the command, the samples that sign, and a function with a user of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from requests_oauthlib import OAuth1

from taskdock.client.servers import credentials
from taskdock.identity.directory import ADMINISTRATOR
from taskdock.testing.task_client import Json
from tests.acceptance.conftest import StartServer
from tests.support.live import COMMAND, REPOSITORY, LiveServer
from tests.support.people import Person
from tests.support.sdk import npm_install

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

SAMPLES = REPOSITORY / "sample_functions"
OWN = {
    "firstName": "oak",
    "lastName": "exh.tasks",
    "email": "exh.tasks+oak@example.com",
    "password": "0Oo-walnut",
    "phoneNumber": "0000000000",
    "language": "EN",
}


@pytest.fixture
def server(start_server: StartServer) -> LiveServer:
    return start_server("--auth", "strict")


@pytest.fixture
def variables(server: LiveServer) -> dict[str, str]:
    """What `taskdock env` exports for this server."""
    printed = run(["env", "--data-dir", str(server.data)], {})
    lines = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
    assert lines == credentials.read(server.data)
    return lines


@pytest.fixture
def boss(variables: dict[str, str]) -> Person:
    url, *keys = variables.values()
    return Person(url, OAuth1(*keys))


@pytest.fixture(params=["sdk-creates-task", "signed-request"])
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the sample with the packages that its README says to install."""
    folder = Path(shutil.copytree(SAMPLES / request.param, tmp_path / request.param))
    if (folder / "src" / "package.json").is_file():
        npm_install(folder / "src")
    else:
        pip_install(folder / "src")
    return folder


def pip_install(source: Path) -> None:
    wanted = ["--target", str(source), "--requirement", str(source / "requirements.txt")]
    wheels = ["--python-version", "3.11", "--only-binary", ":all:"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *wanted, *wheels], check=True, timeout=300)


def run(words: list[str], variables: dict[str, str], *, expect: int = 0) -> str:
    """The command with these variables and without ours; what it prints."""
    done = subprocess.run(
        [*COMMAND, *words],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    return done.stdout if expect == 0 else done.stderr


def made_by(boss: Person, sample: Path, target: str) -> tuple[Json, Json]:
    """The sample's result, and the task that it made for `target`."""
    path = f"/tasks/v1/functions/{sample.name}/execute"
    executed = boss.post(path, {"data": {"functionName": target, "name": "Ada"}})
    result = executed["result"]
    (task,) = boss.get(f"/tasks/v1/?eq(id,{result['taskId']})")["data"]
    return result, task


def test_a_sample_signs_with_the_credentials_that_it_is_given(
    variables: dict[str, str], boss: Person, sample: Path
) -> None:
    run(["deploy", str(sample), "--url", variables["API_HOST"]], variables)

    result, task = made_by(boss, sample, "elm")

    assert (task["functionName"], task["data"]) == ("elm", {"name": "Ada"})
    assert task["createdByUserId"] == result["userId"]
    assert boss.get(f"/users/v1/{result['userId']}")["email"] == ADMINISTRATOR


@pytest.mark.parametrize("right", [True, False])
def test_a_function_may_do_what_who_deployed_it_may(
    variables: dict[str, str], boss: Person, tmp_path: Path, right: bool
) -> None:
    user = boss.post("/users/v1/register", OWN)
    role = boss.post("/users/v1/roles", {"name": "oak", "description": ""})
    permissions = [
        *("VIEW_TASK_FUNCTIONS", "VIEW_TASK_FUNCTION_DETAILS", "CREATE_TASK_FUNCTION"),
        *(["CREATE_TASKS"] if right else []),
    ]
    boss.post("/users/v1/roles/add_permissions?eq(name,oak)", {"permissions": permissions})
    boss.post(f"/users/v1/add_roles?eq(id,{user['id']})", {"roles": [role["id"]]})
    login = {name: OWN[name] for name in ("email", "password")}
    token = boss.post("/auth/v2/oauth1/tokens", login)
    hers = {
        **variables,
        "API_OAUTH_TOKEN": token["token"],
        "API_OAUTH_TOKEN_SECRET": token["tokenSecret"],
    }
    sample = Path(shutil.copytree(SAMPLES / "signed-request", tmp_path / "signed-request"))
    pip_install(sample / "src")
    run(["deploy", str(sample), "--url", variables["API_HOST"]], hers)

    if right:
        result, task = made_by(boss, sample, "elm")
        assert result["userId"] == task["createdByUserId"] == user["id"]
    else:
        answer = boss.ask("POST", f"/tasks/v1/functions/{sample.name}/execute", {})
        assert answer.status_code == 400
        assert "401" in answer.json()["runtimeError"]["message"]
        assert "CREATE_TASKS" in answer.json()["runtimeError"]["message"]


def test_a_function_works_with_a_user_of_its_own_and_our_address_outside(
    variables: dict[str, str], boss: Person, sample: Path
) -> None:
    user = boss.post("/users/v1/register", OWN)
    role = boss.post("/users/v1/roles", {"name": "oak", "description": ""})
    boss.post("/users/v1/roles/add_permissions?eq(name,oak)", {"permissions": ["CREATE_TASKS"]})
    boss.post(f"/users/v1/add_roles?eq(id,{user['id']})", {"roles": [role["id"]]})
    login = {name: OWN[name] for name in ("email", "password")}
    token = boss.post("/auth/v2/oauth1/tokens", login)
    own = {
        **variables,
        "API_OAUTH_TOKEN": token["token"],
        "API_OAUTH_TOKEN_SECRET": token["tokenSecret"],
    }
    given = [word for name, value in own.items() for word in ("--env", f"{name}={value}")]
    run(["deploy", str(sample), "--url", variables["API_HOST"], *given], variables)

    result, task = made_by(boss, sample, "elm")

    assert result["userId"] == task["createdByUserId"] == user["id"]


def test_the_command_says_what_it_needs_to_sign(variables: dict[str, str]) -> None:
    words = ["functions", "list", "--url", variables["API_HOST"]]

    assert "taskdock env" in run(words, {}, expect=2)
    assert run(words, variables) == ""


def test_the_first_start_says_who_was_made_and_where_the_password_is_and_the_next_one_does_not(
    server: LiveServer,
) -> None:
    file = server.data / "administrator"
    kept = dict(line.split("=", 1) for line in file.read_text().splitlines())
    login = {"email": kept["EMAIL"], "password": kept["PASSWORD"], "grant_type": "password"}
    client = {"client_id": kept["CLIENT_ID"], "client_secret": kept["CLIENT_SECRET"]}
    signed_in = requests.post(
        f"{server.service.url}/auth/v2/oauth2/tokens",
        json={**login, **client, "username": kept["EMAIL"]},
        timeout=60,
    )
    server.stop()
    first = server.log
    server.output.clear()
    server.start().stop()

    assert signed_in.status_code == 200, signed_in.text
    assert ADMINISTRATOR in first
    assert f"its password and the OAuth2 client are in {file}" in first
    assert kept["PASSWORD"] not in first
    assert kept["CLIENT_SECRET"] not in first
    assert "taskdock env" in server.log
    assert ADMINISTRATOR not in server.log
