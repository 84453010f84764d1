"""`taskdock deploy` of a stranger's checkout: what it sends is in there, and what it takes of the
machine is asked for."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.client.deployment import package
from taskdock.client.deployment.config import task_config
from taskdock.client.errors import BadPackage, BadTaskConfig
from taskdock.commands import main
from tests.support.at_terminal import at_terminal
from tests.support.builders import Dock
from tests.support.live import REPOSITORY

SECRET = "hunter2-of-the-developer"
KEY = {"environment": {"KEY": "$TASKDOCK_TEST_SECRET"}}

Deploy = Callable[..., Result]


@pytest.fixture
def deploy(shared: Dock, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Without a terminal, as in CI."""
    monkeypatch.setenv("TASKDOCK_TEST_SECRET", SECRET)
    return lambda *words: CliRunner().invoke(
        main, ["deploy", *map(str, words), "--url", shared.emulator.url]
    )


def checkout(folder: Path, name: str, **fields: Any) -> Path:
    (folder / name / "src").mkdir(parents=True)
    (folder / name / "src" / "index.py").write_text("handler = print\n")
    config = {"name": name, "path": "src", "entryPoint": "index.handler", "runtime": "python3.12"}
    (folder / name / "task-config.json").write_text(json.dumps(config | fields))
    return folder / name


def is_deployed(dock: Dock, name: str) -> bool:
    return any(one["name"] == name for one in dock.get("/functions").json()["data"])


# The folder


@pytest.mark.parametrize(
    "path", ["..", "../secret", "src/../../secret", "{secret}", "/", "out", "out/deep", "src/up"]
)
def test_a_path_out_of_the_folder_is_refused(
    shared: Dock, deploy: Deploy, tmp_path: Path, path: str
) -> None:
    secret = tmp_path / "secret"
    (secret / "deep").mkdir(parents=True)
    (secret / "deep" / "id_rsa").write_text(SECRET)
    folder = checkout(tmp_path, "leaves", path=path.format(secret=secret))
    (folder / "out").symlink_to("../secret")
    (folder / "src" / "up").symlink_to("../..")

    done = deploy(folder)

    assert done.exit_code == 2
    assert "leads out of" in done.stderr
    assert "put it there, or the file where the code is" in done.stderr
    assert not is_deployed(shared, "leaves")


@pytest.mark.parametrize("path", ["src", "./src", ".", "", "src/../src", "{folder}/src", "inner"])
def test_a_path_in_the_folder_is_taken(tmp_path: Path, path: str) -> None:
    folder = checkout(tmp_path, "stays")
    (folder / "inner").symlink_to("src")
    config = task_config.TaskConfig.model_validate(
        {
            "name": "stays",
            "path": path.format(folder=folder),
            "entryPoint": "index.handler",
            "runtime": "python3.12",
        }
    )

    code = base64.b64decode(config.to_request(folder)["code"])

    names = zipfile.ZipFile(io.BytesIO(code)).namelist()
    assert any(name.endswith("index.py") for name in names)


def test_a_way_by_a_link_to_the_folder_is_no_way_out(tmp_path: Path) -> None:
    checkout(tmp_path, "real")
    (tmp_path / "alias").symlink_to("real")
    (config,) = task_config.find(tmp_path / "alias")

    read = task_config.read(
        config, given={}, environment={}, caller_environment={}, allow=lambda *_: None
    )

    assert read.to_request(config.parent)["code"]


@pytest.mark.parametrize("path", ["circle", "src\0", "x" * 5000])
def test_a_path_that_leads_nowhere_is_a_clear_mistake(
    deploy: Deploy, tmp_path: Path, path: str
) -> None:
    folder = checkout(tmp_path, "nowhere", path=path)
    (folder / "circle").symlink_to("circle")

    done = deploy(folder)

    assert done.exit_code == 2, done.output
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.output


def test_a_link_to_another_checkout_is_not_deployed_with_this_one(
    shared: Dock, deploy: Deploy, tmp_path: Path
) -> None:
    checkout(tmp_path, "private")
    checkout(tmp_path / "foreign", "harmless")
    (tmp_path / "foreign" / "link").symlink_to("../private")

    done = deploy(tmp_path / "foreign")

    assert done.exit_code == 2
    assert "is a link out of" in done.stderr
    assert not is_deployed(shared, "private")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "/root/.ssh"])
def test_a_link_in_the_code_that_leads_out_is_refused_and_nothing_behind_it_is_read(
    shared: Dock, deploy: Deploy, tmp_path: Path, target: str
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    folder = checkout(tmp_path, "linked")
    (folder / "src" / "link").symlink_to(target)

    done = deploy(folder)

    assert done.exit_code == 2
    assert "links out of the folder" in done.stderr
    assert not is_deployed(shared, "linked")


def test_no_link_is_packed_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a").write_text(SECRET)
    (tmp_path / "way").symlink_to("inside")
    (tmp_path / "file").symlink_to("inside/a")

    archive = zipfile.ZipFile(io.BytesIO(package.zip_folder(tmp_path)))

    assert sorted(archive.namelist()) == ["file", "inside/a", "way"]
    assert (archive.read("file"), archive.read("way")) == (b"inside/a", b"inside")


def test_a_servers_data_beside_the_code_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("handler = print")
    (tmp_path / ".taskdock").mkdir()
    (tmp_path / ".taskdock" / "credentials").write_text(SECRET)

    assert zipfile.ZipFile(io.BytesIO(package.zip_folder(tmp_path))).namelist() == ["index.py"]


# How much is read


def test_code_that_is_too_big_is_refused_before_any_of_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(1 << 40)  # a hole: only a size
    monkeypatch.setattr(package, "_file", None)

    with pytest.raises(BadPackage, match=r"is over 250 MB.* the biggest of 1 files: huge"):
        package.zip_folder(tmp_path)


@pytest.mark.parametrize(("files", "looked_at"), [(3, 1), (5, 4)])
def test_looking_ends_at_the_first_file_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, looked_at: int
) -> None:
    """Be they in one folder, which has 4, or in folders below, with 2 each."""
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        for name in ("one", "two"):
            (tmp_path / str(number) / name).touch()
    found = []
    real = os.scandir

    def counted(folder: str) -> Any:
        found.append(folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", counted)

    with pytest.raises(BadPackage, match=f"more than {files} files; is it the right one"):
        package.zip_folder(tmp_path, package.PackageLimits(files=files))

    assert len(found) == looked_at


def test_a_file_that_grows_while_it_is_packed_is_read_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "grows").write_bytes(b"x" * 1000)
    found = package.selected(tmp_path)
    monkeypatch.setattr(package, "select", lambda *_, **__: found)

    with pytest.raises(BadPackage, match="grows"):
        package.zip_folder(tmp_path, package.PackageLimits(unpacked=10))

    (grown,) = found.files
    assert len(package._file(grown, tmp_path, 10).content) == 11


def test_folders_in_folders_without_end_are_looked_through(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(1500):
        try:
            (deep / "a").mkdir()
        except OSError:  # the longest path that the kernel bears
            break
        deep = deep / "a"
    (tmp_path / "index.py").write_text("")

    try:
        assert package.zip_folder(tmp_path)
    finally:  # pytest removes old folders by a recursion, which ends before this one does
        while deep != tmp_path:
            deep.rmdir()
            deep = deep.parent


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "index.py").write_text("")
    os.mkfifo(tmp_path / "pipe")

    assert zipfile.ZipFile(io.BytesIO(package.zip_folder(tmp_path))).namelist() == ["index.py"]


# The caller's variables


def test_without_a_terminal_a_variable_is_given_only_with_yes(
    shared: Dock, deploy: Deploy, tmp_path: Path
) -> None:
    folder = checkout(tmp_path, "curious", **KEY)

    refused = deploy(folder)
    assert refused.exit_code == 2
    assert not is_deployed(shared, "curious")
    for part in ("TASKDOCK_TEST_SECRET", "--yes", "--env", "nothing of it is deployed"):
        assert part in refused.stderr
    assert SECRET not in refused.output

    taken = deploy(folder, "--yes")
    assert taken.exit_code == 0, taken.output
    assert "takes of your environment: TASKDOCK_TEST_SECRET (as KEY)" in taken.stderr
    assert SECRET not in taken.output
    assert is_deployed(shared, "curious")


def test_a_value_of_ones_own_needs_no_leave(deploy: Deploy, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "given", **KEY)

    assert deploy(folder, "--env", "KEY=mine").exit_code == 0


def test_what_takes_nothing_needs_no_leave(deploy: Deploy, tmp_path: Path) -> None:
    done = deploy(checkout(tmp_path, "plain", environment={"PLACE": "world"}))

    assert done.exit_code == 0, done.output
    assert "takes of your environment" not in done.output


def test_one_that_takes_variables_does_not_keep_out_the_others(
    shared: Dock, deploy: Deploy, tmp_path: Path
) -> None:
    checkout(tmp_path, "modest")
    checkout(tmp_path, "nosy", **KEY)

    done = deploy(tmp_path)

    assert done.exit_code == 1
    assert "nosy/task-config.json" in done.stderr
    assert is_deployed(shared, "modest")
    assert not is_deployed(shared, "nosy")


@pytest.mark.parametrize(
    ("typed", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2)], ids=["yes", "no", "nothing"]
)
def test_at_a_terminal_it_is_asked_for(shared: Dock, tmp_path: Path, typed: str, code: int) -> None:
    name = f"asks-{code}-{len(typed)}"
    folder = checkout(tmp_path, name, **KEY)

    seen = at_terminal(
        *("deploy", str(folder), "--url", shared.emulator.url),
        typed=typed,
        variables={"TASKDOCK_TEST_SECRET": SECRET},
    )

    assert seen.code == code, seen.text
    assert "TASKDOCK_TEST_SECRET (as KEY)" in seen.text
    assert "Give the function their values?" in seen.text
    assert is_deployed(shared, name) is (code == 0)


def test_a_pipe_of_yes_is_no_terminal(shared: Dock, tmp_path: Path) -> None:
    folder = checkout(tmp_path, "piped", **KEY)

    done = subprocess.run(
        [sys.executable, REPOSITORY / "cli.py", "deploy", folder, "--url", shared.emulator.url],
        input="y\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TASKDOCK_TEST_SECRET": SECRET},
    )

    assert done.returncode == 2
    assert "there is no terminal to ask at" in done.stderr
    assert not is_deployed(shared, "piped")


def test_all_that_a_file_takes_is_asked_for_at_once(tmp_path: Path) -> None:
    folder = checkout(tmp_path, "many", environment={"A": "$ONE", "B": "$TWO", "C": "plain"})
    asked: list[dict[str, str]] = []

    task_config.read(
        folder / "task-config.json",
        given={},
        environment={},
        caller_environment={"ONE": "1", "TWO": "2"},
        allow=lambda _, taken: asked.append(dict(taken)),
    )

    assert asked == [{"A": "ONE", "B": "TWO"}]


def test_a_name_that_orders_the_terminal_about_does_not_hide_the_question(
    shared: Dock, tmp_path: Path
) -> None:
    folder = checkout(tmp_path, "hides", environment={"\x1b[2K\r": "$TASKDOCK_TEST_SECRET"})

    seen = at_terminal(
        *("deploy", str(folder), "--url", shared.emulator.url),
        typed="n\n",
        variables={"TASKDOCK_TEST_SECRET": SECRET},
    )

    assert r"\u001b[2K\u000d" in seen.text
    assert "\x1b[2K" not in seen.text


def test_a_variable_that_is_not_set_is_a_mistake_and_asks_nobody(tmp_path: Path) -> None:
    folder = checkout(tmp_path, "unset", environment={"A": "$NOT_SET_ANYWHERE"})

    with pytest.raises(BadTaskConfig, match="is not set"):
        task_config.read(
            folder / "task-config.json",
            given={},
            environment={},
            caller_environment={},
            allow=lambda *_: pytest.fail("nobody is to be asked"),
        )
