"""`taskdock deploy` of what cannot run: it warns, with --strict it fails, with --check it looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.commands import main
from tests.service.conftest import StartDock
from tests.support.builders import Dock

NOWHERE = "http://localhost:1"
RIGHT = "exports.handler = async () => 1\n"
WRONG = "exports.main = async () => 1\n"

Deploy = Callable[..., Result]


@pytest.fixture
def dock(start_dock: StartDock) -> Dock:
    return start_dock()


@pytest.fixture
def deploy(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    # No engine: whether an image can be had is not what these tests are about.
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    def call(*words: str, url: str = dock.emulator.url) -> Result:
        return CliRunner().invoke(main, ["deploy", *words, "--url", url])

    return call


def write(folder: Path, name: str, code: str, **fields: Any) -> Path:
    (folder / name / "src").mkdir(parents=True)
    (folder / name / "src" / "index.js").write_text(code)
    config = {"name": name, "path": "src", "entryPoint": "index.handler", "runtime": "nodejs20.x"}
    (folder / name / "task-config.json").write_text(json.dumps(config | fields))
    return folder / name


def names(dock: Dock) -> list[str]:
    return [one["name"] for one in dock.get("/functions").json()["data"]]


def test_a_warning_has_its_place_and_the_line_to_type_and_the_function_is_deployed(
    deploy: Deploy, dock: Dock, tmp_path: Path
) -> None:
    folder = write(tmp_path, "oak", WRONG)

    done = deploy(str(folder))

    assert done.exit_code == 0
    assert done.stdout.startswith("created  oak  (nodejs20.x")
    assert done.stderr.splitlines()[:2] == [
        f"warning: oak: {folder}/src/index.js: index.js does not export handler; it exports main",
        '  "entryPoint": "index.main"',
    ]
    assert names(dock) == ["oak"]


def test_what_is_right_is_deployed_without_a_word(deploy: Deploy, tmp_path: Path) -> None:
    done = deploy(str(write(tmp_path, "oak", RIGHT)))

    assert (done.exit_code, done.stderr) == (0, "")


def test_strict_sends_nothing_at_all_where_one_function_is_warned_of(
    deploy: Deploy, dock: Dock, tmp_path: Path
) -> None:
    write(tmp_path, "ash", RIGHT)
    write(tmp_path, "oak", WRONG)

    done = deploy(str(tmp_path), "--strict")

    assert done.exit_code == 1
    assert "warning: oak: " in done.stderr
    assert "nothing was deployed, because of --strict" in done.stderr
    assert names(dock) == []


def test_strict_sends_nothing_where_one_file_is_wrong(
    deploy: Deploy, dock: Dock, tmp_path: Path
) -> None:
    write(tmp_path, "ash", RIGHT)
    write(tmp_path, "oak", RIGHT, colour="red")

    done = deploy(str(tmp_path), "--strict")

    assert done.exit_code == 2
    assert names(dock) == []


def test_strict_deploys_what_is_right(deploy: Deploy, dock: Dock, tmp_path: Path) -> None:
    write(tmp_path, "ash", RIGHT)
    write(tmp_path, "oak", RIGHT)

    done = deploy(str(tmp_path), "--strict")

    assert done.exit_code == 0, done.output
    assert names(dock) == ["ash", "oak"]


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [(RIGHT, 0, "checked  oak  (nothing found)\n"), (WRONG, 1, "checked  oak  (1 warning)\n")],
)
def test_check_needs_no_server_and_says_what_it_could_not_look_at(
    deploy: Deploy, tmp_path: Path, code: str, exit_code: int, said: str
) -> None:
    done = deploy(str(write(tmp_path, "oak", code)), "--check", url=NOWHERE)

    assert (done.exit_code, done.stdout) == (exit_code, said)
    assert "not checked: the image of oak, because" in done.stderr


def test_check_gives_programs_each_finding(deploy: Deploy, tmp_path: Path) -> None:
    folder = write(tmp_path, "oak", "exports.handler = 1\n}\n", timeLimit=60)

    done = deploy(str(folder), "--check", "--json", url=NOWHERE)

    assert done.exit_code == 1
    first, second = json.loads(done.stdout)
    assert first == {
        "function": "oak",
        "kind": "syntax",
        "message": "syntax error at }",
        "file": f"{folder}/src/index.js",
        "line": 2,
        "remedy": None,
    }
    assert (second["kind"], second["file"]) == ("time_limit", None)


def test_check_goes_on_behind_a_file_that_is_wrong(deploy: Deploy, tmp_path: Path) -> None:
    write(tmp_path, "ash", RIGHT, colour="red")
    write(tmp_path, "oak", WRONG)

    done = deploy(str(tmp_path), "--check", url=NOWHERE)

    assert done.exit_code == 1
    assert "ash/task-config.json: colour is unknown" in done.stderr
    assert done.stdout == "checked  oak  (1 warning)\n"


def test_the_image_of_a_server_elsewhere_is_not_looked_for_here(
    deploy: Deploy, tmp_path: Path
) -> None:
    done = deploy(str(write(tmp_path, "oak", RIGHT)), "--check", url="http://far.example:80")

    assert done.exit_code == 0
    assert "far.example is another machine" in done.stderr


def test_exec_warns_as_deploy_does(tmp_path: Path) -> None:
    folder = write(tmp_path, "oak", WRONG)

    done = CliRunner().invoke(main, ["exec", "--functions", str(folder), "--", "no-such-command"])

    assert done.exit_code == 127
    assert done.stderr.splitlines()[:2] == [
        f"warning: oak: {folder}/src/index.js: index.js does not export handler; it exports main",
        '  "entryPoint": "index.main"',
    ]


def test_of_two_functions_of_one_name_the_second_is_refused(
    deploy: Deploy, dock: Dock, tmp_path: Path
) -> None:
    first = write(tmp_path, "oak", RIGHT)
    second = write(tmp_path, "yew", RIGHT)
    config = json.loads((first / "task-config.json").read_text())
    (second / "task-config.json").write_text(json.dumps({**config, "timeLimit": 7}))
    said = (
        f"{first}/task-config.json and {second}/task-config.json both describe the function oak;"
        " name only one of them, or give one another name"
    )

    done = deploy(str(tmp_path))

    assert done.exit_code == 1
    assert f"failed   {second}/task-config.json: {said}" in done.stderr
    assert dock.get("/functions/oak").json().get("timeLimit") != 7
    assert said in deploy(str(tmp_path), "--strict").stderr
