"""taskdock init: a new function, which is deployed as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from taskdock.client.deployment.config import task_config
from taskdock.commands import main


def init(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["init", *map(str, arguments)])


@pytest.mark.parametrize(
    ("runtime", "file"), [("nodejs22.x", "src/index.js"), ("python3.13", "src/index.py")]
)
def test_a_new_function_can_be_packed_and_has_its_folders_name(
    tmp_path: Path, runtime: str, file: str
) -> None:
    done = init(tmp_path / "my-mail", "--runtime", runtime)

    assert done.exit_code == 0
    assert f"wrote  {tmp_path / 'my-mail' / file}" in done.output
    config = task_config.read(
        tmp_path / "my-mail" / "task-config.json",
        given={},
        environment={},
        caller_environment={},
        allow=lambda *_: None,
    )
    assert (config.name, config.runtime, config.entry_point) == (
        "my-mail",
        runtime,
        "index.handler",
    )
    assert config.to_request(tmp_path / "my-mail")["code"]


def test_the_current_folder_may_be_the_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "greet"
    folder.mkdir()
    monkeypatch.chdir(folder)

    assert init(".").exit_code == 0
    assert json.loads((folder / "task-config.json").read_text())["name"] == "greet"


def test_the_root_folder_gives_no_name() -> None:
    done = init("/")

    assert done.exit_code == 2
    assert "the folder / has no name for the function: give one with --name" in done.stderr


@pytest.mark.parametrize("there", ["task-config.json", "src/index.js"])
def test_nothing_that_is_there_is_replaced(tmp_path: Path, there: str) -> None:
    file = tmp_path / there
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")

    done = init(tmp_path, "--name", "greet")

    assert done.exit_code == 2
    assert f"{file} is there already; nothing was written" in done.output
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
    assert file.read_text() == "mine"


def test_a_folder_whose_name_no_function_can_have_needs_a_name(tmp_path: Path) -> None:
    done = init(tmp_path / "my function")

    assert done.exit_code == 2
    assert "a function cannot be called 'my function'" in done.output
    assert "--name" in done.output


def test_a_runtime_without_a_sample_is_refused(tmp_path: Path) -> None:
    done = init(tmp_path / "greet", "--runtime", "java21")

    assert done.exit_code == 2
    assert "no sample for the runtime java21" in done.output
    assert not (tmp_path / "greet").exists()


def test_a_disk_that_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = init(tmp_path / "file" / "greet")

    assert done.exit_code == 2
    assert "Not a directory" in done.output
