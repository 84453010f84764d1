"""`taskdock deploy` to a real server: when nothing has changed, and when something has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from requests_oauthlib import OAuth1

from taskdock.commands import main
from tests.service.conftest import StopLater
from tests.support.builders import Dock, StartDock
from tests.support.people import Person, administrator, person

PERMISSIONS = (
    *("VIEW_TASK_FUNCTIONS", "VIEW_TASK_FUNCTION_DETAILS"),
    *("CREATE_TASK_FUNCTION", "UPDATE_TASK_FUNCTION"),
)
SUMMARY = "hello  (python3.11, 30 s, 128 MB)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "hello"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.py").write_text("handler = print\n")
    describe(folder)
    return folder


def describe(folder: Path, **fields: Any) -> None:
    config = {"name": "hello", "path": "src", "entryPoint": "app.handler", "runtime": "python3.11"}
    (folder / "task-config.json").write_text(json.dumps(config | fields))


@pytest.fixture
def changes(dock: Dock) -> list[str]:
    """The name of each function that a request has changed, be it into what it was."""
    changed: list[str] = []
    dock.emulator.catalog.subscribe(changed.append)
    return changed


def deploy(dock: Dock, folder: Path, *words: str, **environment: str) -> str:
    done = CliRunner().invoke(
        main, ["deploy", str(folder), *words, "--url", dock.emulator.url], env=environment
    )
    assert done.exit_code == 0, done.output
    return done.stdout


EVERYTHING: dict[str, Any] = {
    "description": "says hello",
    "timeLimit": 9,
    "memoryLimit": 256,
    "environment": {"PLACE": "world", "EMPTY": ""},
    "retryPolicy": {"enabled": True},
    "executionPermission": "allUsers",
    "defaultPriority": 0,
}


@pytest.mark.parametrize("fields", [{}, EVERYTHING], ids=["little", "everything"])
def test_what_has_not_changed_is_not_sent(
    dock: Dock, folder: Path, changes: list[str], fields: dict[str, Any]
) -> None:
    describe(folder, **fields)
    created = deploy(dock, folder)
    before = dock.get("/functions/hello").json()

    unchanged = deploy(dock, folder)

    assert created.startswith("created  hello  (python3.11, ")
    assert unchanged == created.replace("created", "unchanged")
    assert changes == ["hello"]
    assert dock.get("/functions/hello").json() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", "greets"),
        ("timeLimit", 10),
        ("memoryLimit", 128),
        ("environment", {"PLACE": "moon", "EMPTY": ""}),
        ("environment", {"PLACE": "world"}),
        ("environment", {}),
        ("environment", {**EVERYTHING["environment"], "MORE": ""}),
        ("retryPolicy", {"enabled": False}),
        ("retryPolicy", {"enabled": True, "errorsToRetry": ["Oak"]}),
        ("executionPermission", "public"),
        ("defaultPriority", 1),
        ("defaultPriority", None),
        ("runtime", "python3.13"),
        ("entryPoint", "app.other"),
    ],
)
def test_each_field_that_has_changed_is_an_update(
    dock: Dock, folder: Path, field: str, value: Any
) -> None:
    describe(folder, **EVERYTHING)
    deploy(dock, folder)
    fields = {**EVERYTHING, field: value}
    describe(folder, **{name: given for name, given in fields.items() if given is not None})

    assert deploy(dock, folder).startswith("updated  hello")
    assert deploy(dock, folder).startswith("unchanged  hello")


def test_code_that_has_changed_is_an_update(dock: Dock, folder: Path) -> None:
    deploy(dock, folder)

    (folder / "src" / "app.py").write_text("handler = repr\n")
    assert deploy(dock, folder) == f"updated  {SUMMARY}"
    (folder / "src" / "app.py").chmod(0o755)
    assert deploy(dock, folder) == f"updated  {SUMMARY}"
    (folder / "src" / "link").symlink_to("app.py")
    assert deploy(dock, folder) == f"updated  {SUMMARY}"
    (folder / "src" / "app.py").touch()
    assert deploy(dock, folder) == f"unchanged  {SUMMARY}"


def test_a_function_that_others_have_changed_is_an_update(dock: Dock, folder: Path) -> None:
    describe(folder, timeLimit=9)
    deploy(dock, folder)
    (folder / "other").mkdir()
    (folder / "other" / "app.py").write_text("handler = len\n")

    dock.put("/functions/hello", {"timeLimit": 10})
    assert deploy(dock, folder).startswith("updated  hello")

    describe(folder, timeLimit=9, path="other")
    deploy(dock, folder)
    describe(folder, timeLimit=9)
    assert deploy(dock, folder).startswith("updated  hello")

    dock.call("DELETE", "/functions/hello")
    assert deploy(dock, folder).startswith("created  hello")


@pytest.mark.parametrize("name", [".taskdock", "state"])
def test_a_server_that_was_started_in_the_folder_of_the_code_is_no_part_of_it(
    folder: Path, stop_later: StopLater, name: str
) -> None:
    dock = Dock(folder / name)
    describe(folder, path=".")
    sizes = []
    for number in range(3):
        (folder / "src" / "app.py").write_text(f"handler = {number}\n")
        deploy(dock, folder)
        function = dock.emulator.catalog.get("hello")
        sizes.append(dock.emulator.catalog.code_size(function))
    code = dock.emulator.catalog.code_folder(function)
    stop_later(dock)

    assert code is not None
    assert sorted(path.name for path in code.iterdir()) == ["src", "task-config.json"]
    assert len(set(sizes)) == 1


def test_another_server_has_functions_of_its_own(dock: Dock, shared: Dock, folder: Path) -> None:
    deploy(dock, folder)

    assert deploy(shared, folder) == f"created  {SUMMARY}"


def test_an_image_is_sent_each_time_since_another_may_have_come_under_its_name(
    dock: Dock, folder: Path, changes: list[str]
) -> None:
    del folder
    words = ["deploy", "--image", "oak:1", "--name", "oak", "--url", dock.emulator.url]

    said = [CliRunner().invoke(main, words).stdout.split()[0] for _ in range(2)]

    assert said == ["created", "updated"]
    assert changes == ["oak", "oak"]


def test_a_caller_with_credentials_is_the_deployer_though_nothing_has_changed(
    start_dock: StartDock, folder: Path
) -> None:
    """A function acts for the users who have deployed it."""
    dock = start_dock(auth="strict")
    first, second = administrator(dock), person(dock, *PERMISSIONS)

    said = [deploy(dock, folder, **variables_of(each)) for each in (first, first, second)]

    assert [each.split()[0] for each in said] == ["created", "unchanged", "unchanged"]
    assert dock.emulator.catalog.get("hello").deployers == (second.id,)


def variables_of(someone: Person) -> dict[str, str]:
    assert isinstance(someone.auth, OAuth1)
    client = someone.auth.client
    return {
        "API_HOST": someone.url,
        "API_OAUTH_CONSUMER_KEY": client.client_key,
        "API_OAUTH_CONSUMER_SECRET": client.client_secret,
        "API_OAUTH_TOKEN": client.resource_owner_key,
        "API_OAUTH_TOKEN_SECRET": client.resource_owner_secret,
    }


# Remarks


def test_variables_that_the_file_says_nothing_of_any_more_stay_and_are_named(
    dock: Dock, folder: Path
) -> None:
    """As with exh: the service changes only the fields that are named."""
    describe(folder, environment={"PLACE": "world", "WOOD": "oak"})
    deploy(dock, folder)
    describe(folder)
    words = ["deploy", str(folder), "--url", dock.emulator.url]

    kept = CliRunner().invoke(main, words)
    describe(folder, environment={})
    removed = CliRunner().invoke(main, words)

    assert kept.stdout == f"unchanged  {SUMMARY}"
    assert kept.stderr == (
        "hello: keeps the variables PLACE, WOOD, of which nothing is said here; to remove them:"
        ' "environment": {}\n'
    )
    assert (removed.stdout, removed.stderr) == (f"updated  {SUMMARY}", "")
    assert dock.get("/functions/hello").json()["environmentVariables"] == {}


def test_what_another_tools_file_leaves_out_is_said_of_each_deployment(
    dock: Dock, folder: Path
) -> None:
    for name in ("a.md", "b.md", "c.md", "d.md", "app.pyc"):
        (folder / "src" / name).touch()
    (folder / "src" / ".gitignore").write_text("*.md\n")
    words = ["deploy", str(folder), "--url", dock.emulator.url]

    said = [CliRunner().invoke(main, words).stderr for _ in range(2)]
    (folder / "src" / ".taskdockignore").write_text("*.pyc\n")
    silent = CliRunner().invoke(main, words).stderr

    assert said[0] == said[1]
    assert said[0] == (
        "hello: .gitignore leaves out a.md, b.md, c.md and 1 more; a .taskdockignore, even an empty"
        " one, takes its place\n"
    )
    assert silent == ""


def test_a_file_that_would_be_closed_on_aws_is_said_once(dock: Dock, folder: Path) -> None:
    (folder / "src" / "key").touch()
    (folder / "src" / "key").chmod(0o600)
    (folder / "src" / "app.py").chmod(0o640)

    done = CliRunner().invoke(main, ["deploy", str(folder), "--url", dock.emulator.url])

    assert done.exit_code == 0
    assert done.stderr == (
        "hello: app.py has the mode 0640 (and so on: 2 in all). It is packed as readable here, but"
        " exh keeps modes, and on AWS the function could not read it; to mend that: chmod -R a+rX"
        " .\n"
    )
