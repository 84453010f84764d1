"""A project of the shape that the service's tutorial has: TypeScript, a build, the SDK, and
executionCredentials. It works alike with `taskdock deploy` and with the requests of `exh`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from taskdock.base.files import user_folders
from taskdock.client.servers import credentials
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.live import COMMAND, REPOSITORY, LiveServer
from tests.support.sdk import install_locked, newest_node, npm, path_with_npm

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

PROJECT = REPOSITORY / "sample_functions" / "typescript-project" / "hello-typescript"
EXH = Path(__file__).parent / "exh"
NAME = "hello-typescript"
GREETING = {
    "greeting": "Hello Ada!",
    "user": "exh.tasks+hello-typescript@extrahorizon.com",
    "refused": "NO_PERMISSION_EXCEPTION",
}


@pytest.fixture(params=["open", "strict"])
def server(start_server: StartServer, request: pytest.FixtureRequest) -> LiveServer:
    return start_server("--auth", request.param)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, with its packages installed."""
    folder = Path(shutil.copytree(PROJECT, tmp_path / "project"))
    (folder / "node_modules").symlink_to(installed(PROJECT) / "node_modules")
    return folder


def installed(source: Path) -> Path:
    """The folder with what a package-lock.json names, installed once on a machine for each lock."""
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    return install_locked(source, user_folders.cache(os.environ) / f"{source.name}-{lock[:16]}")


def call(
    server: LiveServer, *words: str, folder: Path, command: tuple[str, ...] = tuple(COMMAND)
) -> subprocess.CompletedProcess[str]:
    """The command in the project's folder, with what `taskdock env` exports for the server."""
    url = server.service.url
    variables = credentials.read(server.data)
    programs = folder.parent / "bin"
    programs.mkdir(exist_ok=True)
    return subprocess.run(
        [*command, *words],
        cwd=folder,
        env={"PATH": path_with_npm(programs), "TASKDOCK_URL": url, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run(server: LiveServer, folder: Path) -> object:
    done = call(server, "run", NAME, "-d", '{"name": "Ada"}', folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_deploy_builds_it_and_it_may_do_what_its_credentials_say(
    server: LiveServer, project: Path
) -> None:
    first = call(server, "deploy", ".", "--yes", "--strict", folder=project)
    assert first.returncode == 0, first.stderr
    result = run(server, project)
    again = call(server, "deploy", ".", "--yes", "--strict", folder=project)

    assert first.stdout.startswith(f"created  {NAME}")
    assert result == GREETING
    assert again.returncode == 0, again.stderr
    assert run(server, project) == GREETING


def test_exh_and_deploy_take_turns(server: LiveServer, project: Path) -> None:
    script = shutil.copy(EXH / "sync.mjs", installed(EXH))
    with_exh = (newest_node(), str(script))
    npm(project, "run", "build")

    first = call(server, "task-config.json", folder=project, command=with_exh)
    result = run(server, project)
    deployed = call(server, "deploy", ".", "--yes", folder=project)
    again = call(server, "task-config.json", folder=project, command=with_exh)

    assert first.stdout == "created\n", first.stderr
    assert result == GREETING
    assert deployed.returncode == 0, deployed.stderr
    assert again.stdout == "updated\n", again.stderr
    assert run(server, project) == GREETING


def test_dev_builds_it_on_each_save(server: LiveServer, project: Path) -> None:
    programs = project.parent / "bin"
    programs.mkdir()
    variables = credentials.read(server.data)
    with subprocess.Popen(
        [*COMMAND, "dev", ".", "--yes", "--url", server.service.url],
        cwd=project,
        env={"PATH": path_with_npm(programs), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as dev:
        try:
            eventually(lambda: outcome(server, project) == GREETING, within=120)
            source = project / "src" / "index.ts"
            source.write_text(source.read_text().replace("Hello", "Goodbye"))
            changed = {**GREETING, "greeting": "Goodbye Ada!"}
            eventually(lambda: outcome(server, project) == changed, within=60)
        finally:
            dev.terminate()


def outcome(server: LiveServer, folder: Path) -> object:
    """The result of a run; None while the function is not there."""
    done = call(server, "run", NAME, "-d", '{"name": "Ada"}', folder=folder)
    return json.loads(done.stdout) if done.returncode == 0 else None
