"""The command that builds a function: where it is named, how it runs, and who is asked."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.client.deployment import build
from taskdock.client.deployment.build import Build
from taskdock.client.deployment.config.task_config import TaskConfig
from taskdock.client.errors import BadTaskConfig, BuildFailed
from taskdock.commands import main
from taskdock.testing.waiting import eventually
from tests.support.at_terminal import at_terminal
from tests.support.stub_service import StubService

Deploy = Callable[..., Result]
FIELDS = {"name": "hello", "path": "out", "entryPoint": "index.handler", "runtime": "python3.12"}
WRITES = "mkdir -p out && echo 'handler = print' > out/index.py && echo built"


@pytest.fixture
def stub() -> Iterator[StubService]:
    with StubService() as stub:
        yield stub


@pytest.fixture
def deploy(stub: StubService, tmp_path: Path) -> Deploy:
    def call(*words: str) -> Result:
        return CliRunner().invoke(main, ["deploy", str(tmp_path), *words, "--url", stub.url])

    return call


def write(folder: Path, **fields: Any) -> Path:
    file = folder / "task-config.json"
    file.write_text(json.dumps(FIELDS | fields))
    return file


def named(folder: Path, **fields: Any) -> Build | None:
    return build.of(TaskConfig.model_validate(FIELDS | fields), write(folder, **fields))


def packed(stub: StubService) -> list[str]:
    code = base64.b64decode(stub.bodies("POST")[0]["code"])
    return zipfile.ZipFile(io.BytesIO(code)).namelist()


def test_what_the_build_writes_is_what_is_sent(
    deploy: Deploy, stub: StubService, tmp_path: Path
) -> None:
    write(tmp_path, build=WRITES)

    done = deploy("--yes")

    assert done.exit_code == 0, done.output
    assert done.stdout == "created  hello  (python3.12, 30 s, 128 MB)\n"
    assert f"task-config.json runs in {tmp_path}: {WRITES}\nbuilt\n" in done.stderr
    assert packed(stub) == ["index.py"]
    assert "build" not in stub.bodies("POST")[0]


def test_where_the_build_fails_nothing_is_sent(
    deploy: Deploy, stub: StubService, tmp_path: Path
) -> None:
    write(tmp_path, build="echo 'index.ts(3,1): error'; exit 2")

    done = deploy("--yes")

    assert done.exit_code == 1
    assert "index.ts(3,1): error\n" in done.stderr
    assert done.stderr.endswith(
        "Error: the build failed with exit code 2: echo 'index.ts(3,1): error'; exit 2;"
        " nothing was sent, and the version that is deployed stays\n"
    )
    assert [call for call in stub.calls if call[0] != "GET"] == []


def test_one_build_that_fails_does_not_keep_out_the_others(
    deploy: Deploy, stub: StubService, tmp_path: Path
) -> None:
    for name, command in (("bad", "exit 1"), ("good", WRITES)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, name=name, build=command)

    done = deploy("--yes")

    assert done.exit_code == 1
    assert "bad/task-config.json: the build failed with exit code 1: exit 1;" in done.stderr
    assert list(stub.functions) == ["good"]


def test_without_a_terminal_a_build_is_run_only_with_yes(
    deploy: Deploy, stub: StubService, tmp_path: Path
) -> None:
    write(tmp_path, build="touch run")

    done = deploy()

    assert done.exit_code == 2
    assert done.stderr.endswith(
        "it would run the command touch run, and there is no terminal to ask at; nothing of it is"
        " deployed. Let it run with --yes\n"
    )
    assert not (tmp_path / "run").exists()
    assert stub.functions == {}


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 2)], ids=["yes", "no"])
def test_at_a_terminal_it_is_asked_for(
    stub: StubService, tmp_path: Path, typed: str, code: int
) -> None:
    write(tmp_path, build=WRITES)

    seen = at_terminal("deploy", str(tmp_path), "--url", stub.url, typed=typed)

    assert seen.code == code, seen.text
    assert f"runs in {tmp_path}: {WRITES}" in seen.text
    assert "Run this command?" in seen.text
    assert ("hello" in stub.functions) is (code == 0)


def test_package_json_may_name_the_build_because_exh_refuses_an_unknown_key(tmp_path: Path) -> None:
    beside = tmp_path / "package.json"
    beside.write_text('{"name": "hello", "taskdock": {"build": "npm run build"}}')

    assert named(tmp_path) == Build("npm run build", tmp_path, beside)


def test_the_file_of_the_function_comes_first(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"taskdock": {"build": "npm run build"}}')

    assert named(tmp_path, build="make") == Build("make", tmp_path, tmp_path / "task-config.json")


@pytest.mark.parametrize(
    "content", [None, "{", "[]", "{}", '{"taskdock": {}}', '{"scripts": {"build": "tsc"}}']
)
def test_a_function_without_a_named_build_has_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "package.json").write_text(content)

    assert named(tmp_path) is None
    assert named(tmp_path, build=" ") is None


@pytest.mark.parametrize("target", ["/dev/zero", "pipe"])
def test_a_package_json_without_end_is_not_read(tmp_path: Path, target: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "package.json").symlink_to(target)

    with pytest.raises(BadTaskConfig, match="it is no file"):
        named(tmp_path)


@pytest.mark.parametrize("value", ["3", '""', "[]"])
def test_a_build_in_package_json_that_is_no_command_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "package.json").write_text(f'{{"taskdock": {{"build": {value}}}}}')

    with pytest.raises(BadTaskConfig, match='no command such as "npm run build"'):
        named(tmp_path)


def test_a_command_that_is_missing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="a command is missing; it runs in"):
        build.run(Build("no-such-command-here", tmp_path, tmp_path), lambda _: None)


def test_a_folder_with_a_space_and_output_that_is_no_text_do_not_matter(tmp_path: Path) -> None:
    folder = tmp_path / "my function"
    folder.mkdir()
    lines: list[str] = []

    build.run(Build(r"printf '\377\n'; pwd", folder, folder), lines.append)

    assert lines == ["\ufffd", str(folder)]


def test_a_program_that_the_build_leaves_running_does_not_hold_it_up(tmp_path: Path) -> None:
    lines: list[str] = []

    build.run(Build("sleep 60 & echo $!", tmp_path, tmp_path), lines.append)

    os.kill(int(lines[0]), signal.SIGKILL)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C is heard, also where a shell has started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("command", ["sleep 600", "sh -c 'trap \"\" TERM; sleep 600'"])
def test_an_interrupt_ends_the_build_with_all_that_it_has_started(
    tmp_path: Path, command: str
) -> None:
    lines: list[str] = []

    def interrupt(line: str) -> None:
        lines.append(line)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build.run(Build(f"{command} & echo $!; wait", tmp_path, tmp_path), interrupt)

    eventually(lambda: not runs(int(lines[0])))


def runs(pid: int) -> bool:
    """False for a zombie too, which nobody reaps on some machines."""
    words = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")
