"""The package for JavaScript's test runners, by the real ones, with real containers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskdock.base.files import user_folders
from taskdock.testing.waiting import eventually
from tests.support import sdk
from tests.support.live import REPOSITORY, make_images

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(600)]

SAMPLE = Path(__file__).parent / "javascript"
PACKAGE = REPOSITORY / "packages" / "vitest"
SECONDS = 240
RUNNERS = ("vitest", "jest")
ARGUMENTS = {"vitest": ["run"], "jest": ["--runInBand"]}


@pytest.fixture(scope="session")
def modules() -> Path:
    """node_modules with both runners: in the user's cache, by the lock that is installed."""
    lock = (SAMPLE / "package-lock.json").read_bytes()
    digest = hashlib.sha256(lock).hexdigest()[:16]
    folder = user_folders.cache(os.environ) / f"javascript-runners-{digest}"
    sdk.install_locked(SAMPLE, folder)
    return folder / "node_modules"


@pytest.fixture(scope="session")
def images() -> None:
    make_images("python3.11", "nodejs20.x")


class Project:
    """A copy of the sample, which has the package as npm would publish it."""

    def __init__(self, folder: Path, modules: Path) -> None:
        self.folder = folder / "project"
        self.cache = folder / "cache"
        shutil.copytree(SAMPLE, self.folder)
        (folder / "node_modules").symlink_to(modules)
        self._modules = modules
        sdk.npm(PACKAGE, "pack", "--pack-destination", str(folder))
        (archive,) = folder.glob("taskdock-test-*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "packed")
        own = self.folder / "node_modules" / "@taskdock"
        own.mkdir(parents=True)
        (folder / "packed" / "package").rename(own / "test")
        self._taskdock = folder / "my tools" / "taskdock"
        self._taskdock.parent.mkdir()
        words = shlex.join([sys.executable, str(REPOSITORY / "cli.py")])
        self._taskdock.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        self._taskdock.chmod(0o755)

    def start(self, runner: str, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sdk.newest_node(), str(self._program(runner)), *words],
            cwd=self.folder,
            env=self.variables(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, runner: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        process = self.start(runner, *words, **variables)
        try:
            output, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
        return subprocess.CompletedProcess(words, process.returncode, output)

    def variables(self, **more: str) -> dict[str, str]:
        own = ("TASKDOCK_", "AWS_", "API_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return {
            **kept,
            "XDG_CACHE_HOME": str(self.cache),
            "TASKDOCK_COMMAND": str(self._taskdock),
            "NO_COLOR": "1",
            "CI": "1",
            **more,
        }

    def left(self) -> list[str]:
        """Folders and processes of servers."""
        named = str(self.cache).encode()
        processes = [
            process.name
            for process in Path("/proc").glob("[0-9]*")
            if named in _command_line(process)
        ]
        return [*processes, *map(str, self.folders())]

    def folders(self) -> list[Path]:
        return list((self.cache / "taskdock").glob("exec-*"))

    def leaves_nothing(self) -> bool:
        return eventually(lambda: not self.left(), "nothing is left", state=self.left)

    def _program(self, runner: str) -> Path:
        described = json.loads((self._modules / runner / "package.json").read_text())["bin"]
        path = described if isinstance(described, str) else next(iter(described.values()))
        return self._modules / runner / path


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def project(tmp_path: Path, modules: Path, images: None) -> Iterator[Project]:
    made = Project(tmp_path, modules)
    yield made
    assert made.leaves_nothing()


@pytest.mark.parametrize(("runner", "count"), [("vitest", 8), ("jest", 3)])
def test_tests_that_are_right_pass(project: Project, runner: str, count: int) -> None:
    done = project.run(runner, *ARGUMENTS[runner], "whole")

    assert done.returncode == 0, done.stdout
    assert re.search(rf"Tests: +{count} passed|Tests +{count} passed", done.stdout), done.stdout


@pytest.mark.parametrize(
    ("runner", "said"),
    [
        ("vitest", "RESOURCE_UNKNOWN_EXCEPTION: there is no function named 'cuont'"),
        ("jest", "FIELD_FORMAT_EXCEPTION: times is 0; write 1 or more, or leave it out for always"),
    ],
)
def test_a_test_that_fails_shows_the_log_and_its_own_line(
    project: Project, runner: str, said: str
) -> None:
    done = project.run(runner, *ARGUMENTS[runner], "broken")

    assert done.returncode == 1
    assert "count has failed: TypeError: Cannot read properties of undefined" in done.stdout
    assert "at exports.handler (/var/task/index.js:2:" in done.stdout
    assert said in done.stdout
    assert re.search(r"await taskdock\.execute\('count', \{\}\)", done.stdout)
    assert "test/src/client.js" not in done.stdout


@pytest.mark.parametrize("runner", RUNNERS)
def test_functions_that_cannot_be_deployed_stop_the_run(project: Project, runner: str) -> None:
    config = project.folder / "functions" / "count" / "task-config.json"
    config.write_text(config.read_text().replace("nodejs20.x", "cobol1.0"))

    done = project.run(runner, *ARGUMENTS[runner], "whole")

    assert done.returncode == 1
    assert "no taskdock server could be started (exit code 3)" in done.stdout
    assert "failed   functions/count/task-config.json: " in done.stdout
    assert "cobol1.0" in done.stdout


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_strict_server_gets_signed_requests(project: Project, runner: str) -> None:
    for setup in ("vitest.setup.mjs", "jest.setup.cjs"):
        file = project.folder / setup
        file.write_text(file.read_text().replace("{ functions", "{ auth: 'strict', functions"))

    done = project.run(runner, *ARGUMENTS[runner], "whole", "-t", "a function is executed")

    assert done.returncode == 0, done.stdout
    assert re.search(r"Tests:? .*\b1 passed", done.stdout), done.stdout


@pytest.mark.parametrize("runner", RUNNERS)
def test_nothing_is_left_of_a_runner_that_is_killed(project: Project, runner: str) -> None:
    endless = "test('endless', () => new Promise(() => {}), 1_000_000);\n"
    for name, head in (("vitest.ts", "import { test } from 'vitest';\n"), ("jest.js", "")):
        (project.folder / "tests" / f"endless.{name}").write_text(head + endless)
    process = project.start(runner, *ARGUMENTS[runner], "endless")
    eventually(lambda: [*project.cache.glob("taskdock/exec-*/credentials")], "a server runs")

    os.killpg(process.pid, signal.SIGKILL)

    process.communicate(timeout=SECONDS)
    assert project.leaves_nothing()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/no/such/taskdock", 'TASKDOCK_COMMAND is "/no/such/taskdock", and there is no such'),
        ("", "taskdock was not found: neither taskdock nor uvx is on PATH"),
        ("false", "no taskdock server could be started (exit code 1)"),
    ],
)
def test_a_missing_taskdock_is_a_sentence(project: Project, command: str, said: str) -> None:
    path = os.pathsep.join(
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not any((Path(folder) / name).exists() for name in ("taskdock", "uvx"))
    )

    done = project.run("vitest", "run", "whole", TASKDOCK_COMMAND=command, PATH=path)

    assert done.returncode == 1
    assert said in done.stdout


def test_the_types_are_those_that_tests_use(project: Project) -> None:
    done = project.run("typescript", "-p", ".")

    assert done.returncode == 0, done.stdout


def test_the_readme_shows_what_was_run_here() -> None:
    readme = (PACKAGE / "README.md").read_text()

    for setup in ("vitest.setup.mjs", "jest.setup.cjs"):
        shown = readme.partition(f"// {setup}\n")[2].partition("```")[0]
        ran = (SAMPLE / setup).read_text()
        assert shown.replace("'functions'", "F") == ran.replace("['functions']", "F").replace(
            "'functions'", "F"
        )


def test_the_release_is_the_one_of_taskdock() -> None:
    described = json.loads((PACKAGE / "package.json").read_text())

    assert f'version = "{described["version"]}"' in (REPOSITORY / "pyproject.toml").read_text()
