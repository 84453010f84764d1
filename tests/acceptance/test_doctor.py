"""`taskdock doctor` on this machine as it is, and on machines that are broken on purpose."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from taskdock.base.errors import ImageNotAvailable
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import SystemClock
from taskdock.engines.docker.client import connect
from taskdock.engines.docker.images.probe import Probe
from taskdock.engines.docker.locate import find_engine
from taskdock.server.doctor.check import perform
from taskdock.server.doctor.examination import Examination
from taskdock.server.doctor.judges.finding import CheckStatus, Finding
from taskdock.server.doctor.trial import LABEL
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.live import COMMAND, REPOSITORY
from tests.support.parts import missing

pytestmark = [pytest.mark.docker, pytest.mark.long]

NOWHERE = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
"""For what has nothing to do with the engine, and is quicker without."""
SOMEBODY = 12345  # a user whom nobody knows
NEEDS_ENGINE = (
    "container",
    "door",
    "code",
    "freezing",
    "memory peaks",
    "/tmp",
    "memory limit",
    "registry",
    "images",
)
SECONDS = 120

# As another user: what Python has yet to read of its own may be readable for this one alone.
AS_SOMEBODY = f"""
import encodings.idna, os, sys
import taskdock.commands.machine.doctor
from taskdock.commands import main
os.setgroups([])
os.setresgid(*[{SOMEBODY}] * 3)
os.setresuid(*[{SOMEBODY}] * 3)
main(["doctor", *sys.argv[1:]], prog_name="taskdock")
"""


@dataclass(frozen=True)
class Examined:
    code: int
    findings: dict[str, dict[str, Any]]
    pid: int

    def having(self, status: str) -> list[str]:
        return [name for name, found in self.findings.items() if found["status"] == status]

    def said_of(self, name: str) -> str:
        """All that a person reads of it."""
        return "\n".join([self.findings[name]["measured"], *self.findings[name]["remedies"]])


def variables(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TASKDOCK_")}
    return {**own, **more}


def begin(command: Sequence[str], **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=variables(**more),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def run(command: Sequence[str], **more: str) -> tuple[subprocess.Popen[str], str]:
    """The process, which has ended, and what it has printed."""
    with begin(command, **more) as process:
        try:
            printed, errors = process.communicate(timeout=SECONDS)
        except BaseException:
            process.kill()
            raise
    assert "Traceback" not in errors
    assert printed, errors
    return process, printed


def examine(
    data: Path, *, port: int = 0, through: Sequence[str] = (*COMMAND, "doctor"), **more: str
) -> Examined:
    """`through`: the command, which is given the options; `more`: variables."""
    options = ["--json", "--data-dir", str(data), "--port", str(port)]
    process, printed = run([*through, *options], **more)
    found = {each.pop("name"): each for each in json.loads(printed)}
    return Examined(process.returncode, found, process.pid)


def shell(script: str, *words: str) -> list[str]:
    """A command that runs `script` before what it is given as "$@"."""
    return ["sh", "-c", f'{script}\nexec "$@"', "sh", *words, *COMMAND, "doctor"]


@pytest.fixture
def as_root() -> None:
    """For machines that only root can break."""
    if os.getuid() != 0:
        missing("root, to break this machine so")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may look into, and nobody but its owner change."""
    folder = Path(tempfile.mkdtemp(prefix="doctor-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def containers_of(pid: int, engine: docker.DockerClient) -> list[str]:
    """Those that the doctor with this process id has made, whatever their state."""
    found = engine.api.containers(all=True, filters={"label": LABEL})
    runs = [str(container["Labels"][LABEL]) for container in found]
    return [run for run in runs if run.startswith(f"{pid}-")]


# A healthy machine


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Examined:
    return examine(tmp_path_factory.mktemp("healthy") / "made" / "for" / "it")


def test_on_a_healthy_machine_nothing_is_broken(healthy: Examined) -> None:
    assert healthy.having("broken") == [], healthy.findings
    assert healthy.having("unchecked") in ([], ["loop devices"])  # those are for root
    assert healthy.code == 0
    tried = {"container", "door", "code", "memory limit", "memory peaks"}
    assert tried <= set(healthy.having("ok"))


@pytest.mark.usefixtures("scratch")
def test_root_on_the_engines_own_machine_has_all_that_containers_can_have(
    healthy: Examined,
) -> None:
    for name in ("door", "/tmp", "freezing", "loop devices"):
        assert healthy.findings[name]["status"] == "ok", healthy.findings[name]
    assert healthy.said_of("door") == "a container came by a Unix socket in the data folder"


@pytest.mark.parametrize("end", [None, signal.SIGTERM])
def test_nothing_is_left_also_when_it_is_ended(
    end: int | None, engine: docker.DockerClient, tmp_path: Path
) -> None:
    data = tmp_path / "made" / "for" / "it"
    command = [*COMMAND, "doctor", "--port", "0", "--data-dir", str(data)]
    with begin(command) as process:
        assert process.stdout is not None
        there = False
        for line in process.stdout:
            if line.split()[1:2] == ["container"]:
                there = bool(containers_of(process.pid, engine)) and data.is_dir()
                if end is not None:
                    process.send_signal(end)
        code = process.wait(SECONDS)

    assert there
    assert code == (0 if end is None else 128 + end)
    assert list(tmp_path.iterdir()) == []
    # The engine removes it as soon as it has heard that the launcher in it has ended.
    eventually(lambda: not containers_of(process.pid, engine), "no container is left")


def test_people_read_signs_that_their_terminal_can_show(tmp_path: Path) -> None:
    command = [*COMMAND, "doctor", "--port", "0", "--data-dir", str(tmp_path)]

    _, shown = run(command, PYTHONIOENCODING="utf-8", **NOWHERE)
    _, plain = run(command, LC_ALL="C", **NOWHERE)

    assert "✓ Python  " in shown
    assert "✗ engine  " in shown
    assert "→ unset DOCKER_HOST" in shown
    assert "+ Python  " in plain
    assert "x engine  " in plain
    assert "-> unset DOCKER_HOST" in plain
    assert plain.isascii()


def test_a_running_taskdock_is_no_fault(start_server: StartServer) -> None:
    server = start_server()
    port = int(server.service.url.rpartition(":")[2])

    seen = examine(server.data, port=port, **NOWHERE)

    assert seen.having("broken") == ["engine"]
    assert f"in use by a taskdock that runs ({server.service.url})" in seen.said_of("data folder")
    assert f"serves at http://localhost:{port}" in seen.said_of("port")
    assert server.runs


# Broken ones


def test_without_an_engine_its_place_and_the_way_back_are_told(tmp_path: Path) -> None:
    seen = examine(tmp_path, **NOWHERE)

    assert seen.code == 1
    assert seen.having("broken") == ["engine"]
    assert "unix:///nowhere/docker.sock (DOCKER_HOST): no such socket" in seen.said_of("engine")
    assert seen.findings["engine"]["remedies"] == [
        "unset DOCKER_HOST, or start the engine that it names"
    ]
    for name in NEEDS_ENGINE:
        assert seen.said_of(name) == "not checked: no engine"


@pytest.mark.usefixtures("as_root")
def test_a_user_who_may_not_use_the_engine_is_told_how_to_join_its_group(
    docker_client: docker.DockerClient, open_folder: Path
) -> None:
    address = find_engine(os.environ)
    data = open_folder / "data"
    data.mkdir()
    os.chown(data, SOMEBODY, SOMEBODY)

    seen = examine(
        data, through=[sys.executable, "-c", AS_SOMEBODY], HOME=str(data), DOCKER_HOST=address
    )
    usual = examine(
        data, through=[sys.executable, "-c", AS_SOMEBODY], HOME=str(data), DOCKER_HOST=""
    )

    assert seen.having("broken") == ["engine"]
    assert f"{address} (DOCKER_HOST): permission denied" in seen.said_of("engine")
    assert "sudo usermod -aG docker $USER" in usual.said_of("engine")


@pytest.mark.usefixtures("as_root")
def test_a_data_folder_that_cannot_be_written_is_told(open_folder: Path) -> None:
    data = open_folder / "data"
    theirs = open_folder / "tmp"
    theirs.mkdir()
    os.chown(theirs, SOMEBODY, SOMEBODY)
    variables = {"HOME": str(open_folder), "TMPDIR": str(theirs), **NOWHERE}

    seen = examine(data, through=[sys.executable, "-c", AS_SOMEBODY], **variables)

    assert seen.having("broken") == ["data folder", "engine"]
    assert f"{data} cannot be used: Permission denied" in seen.said_of("data folder")
    assert seen.findings["cache"]["status"] == "degraded"
    assert f"{open_folder}/.cache/taskdock cannot be written" in seen.said_of("cache")
    assert f"sudo chown -R $(id -u) {data}" in seen.findings["data folder"]["remedies"][0]


@pytest.mark.parametrize("parts", [9, 60])
def test_a_path_that_is_too_long_is_told_with_its_length(parts: int, tmp_path: Path) -> None:
    data = tmp_path.joinpath(*["x" * 100] * parts)

    seen = examine(data, **NOWHERE)

    assert seen.having("broken") == ["data folder", "engine"]
    assert f"{len(str(data))} characters" in seen.said_of("data folder")
    assert "choose a folder with a shorter path" in seen.said_of("data folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("as_root")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=256k,mode=700 none "$1"'
    full = f'{mount}; head -c 300k /dev/zero > "$1/filler"; shift'

    seen = examine(tmp_path, through=["unshare", "--mount", *shell(full, str(tmp_path))], **NOWHERE)

    assert seen.having("broken") == ["data folder", "engine", "disk"]
    assert f"{tmp_path}: the disk is full" in seen.said_of("data folder")
    assert "0 MB free for data" in seen.said_of("disk")


def test_a_port_that_something_else_has_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        seen = examine(tmp_path, port=port, **NOWHERE)

    assert seen.having("broken") == ["engine", "port"]
    assert f"port {port} is in use on 127.0.0.1" in seen.said_of("port")
    assert f"sudo ss -ltnp 'sport = :{port}'" in seen.said_of("port")


def test_with_few_file_descriptors_their_limit_is_told_and_with_too_few_nothing_is_tried(
    engine: docker.DockerClient, tmp_path: Path
) -> None:
    few = examine(tmp_path, through=shell("ulimit -n 200"), **NOWHERE)
    too_few = examine(tmp_path, through=shell("ulimit -n 24"))

    assert few.findings["descriptors"]["status"] == "degraded"
    assert "200 at most: room for about 23" in few.said_of("descriptors")
    assert too_few.having("broken") == ["descriptors"]
    assert too_few.code == 1
    for name in NEEDS_ENGINE:
        assert too_few.said_of(name) == "not checked: too few file descriptors"
    assert containers_of(too_few.pid, engine) == []


@pytest.mark.usefixtures("as_root")
def test_files_that_the_engine_does_not_see_are_told(
    docker_client: docker.DockerClient, open_folder: Path
) -> None:
    """As for a taskdock in a container, or an engine in a virtual machine."""
    unseen = 'mount -t tmpfs -o mode=755 none "$1"; shift'

    seen = examine(open_folder, through=["unshare", "--mount", *shell(unseen, str(open_folder))])

    assert seen.having("broken") == ["container"]
    assert "invalid mount config" in seen.said_of("container")
    assert len(seen.findings["container"]["remedies"]) == 1
    assert seen.said_of("door") == seen.said_of("code") == "not checked: no container"


# Those that would take another kernel or clock: the engine is this machine's, what is asked of it
# or answered is changed.


@pytest.fixture
def look(tmp_path: Path, docker_client: docker.DockerClient) -> Callable[..., dict[str, Finding]]:
    def look(*names: str, change: Callable[[Any], object]) -> dict[str, Finding]:
        def connected(address: str) -> docker.DockerClient:
            client = connect(address)
            change(client.api)
            return client

        with Examination(
            Settings(data_dir=tmp_path, port=0),
            environment=os.environ,
            clock=SystemClock(),
            runtime_ids=["python3.11"],
            connected=connected,
        ) as examination:
            found = {
                check.name: perform(check)
                for check in examination.checks()
                if check.name in {"data folder", "cache", "engine", "container", *names}
            }
        assert all(found.values())
        return {name: finding for name, finding in found.items() if finding is not None}

    return look


def test_a_memory_limit_that_does_not_kill_is_told(
    look: Callable[..., dict[str, Finding]], engine: docker.DockerClient
) -> None:
    def change(api: Any) -> None:
        info, create = api.info, api.create_host_config
        unlimited = {"mem_limit": None, "memswap_limit": None}
        api.info = lambda: {**info(), "MemoryLimit": False}
        api.create_host_config = lambda **config: create(**{**config, **unlimited})

    found = look("memory limit", change=change)["memory limit"]

    assert found.status is CheckStatus.BROKEN
    assert "192 MB with a limit of 64 MB, and nobody stopped it" in found.measured
    assert "memory control group is off" in found.measured
    assert "cgroup_enable=memory" in found.remedies[0]
    assert containers_of(os.getpid(), engine) == []


@pytest.mark.parametrize(
    ("year", "status", "words"),
    [
        ("2026", CheckStatus.BROKEN, "s behind: functions misjudge"),
        ("", CheckStatus.OK, "does not tell"),
    ],
)
def test_an_engines_clock_is_compared_with_this_machines(
    year: str, status: CheckStatus, words: str, look: Callable[..., dict[str, Finding]]
) -> None:
    def change(api: Any) -> None:
        info = api.info
        moment = f"{year}-01-01T00:00:00.123456789Z"
        api.info = lambda: {**info(), "SystemTime": moment}

    found = look("clock", change=change)["clock"]

    assert found.status is status
    assert words in found.measured


def test_after_an_engine_has_failed_to_start_a_container_none_is_tried_again(
    look: Callable[..., dict[str, Finding]],
) -> None:
    def change(api: Any) -> None:
        def fails(*_: Any, **__: Any) -> None:
            raise docker.errors.APIError("the disk of the engine is gone")

        api.create_container = fails

    found = look("door", "code", "memory limit", change=change)

    assert found["engine"].status is CheckStatus.OK
    assert found["container"].status is CheckStatus.BROKEN
    assert "the disk of the engine is gone" in found["container"].measured
    for name in ("door", "code", "memory limit"):
        assert found[name].measured == "not checked: no container"


def test_where_no_container_of_taskdocks_own_can_be_made_nothing_is_called_broken(
    look: Callable[..., dict[str, Finding]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(_: Probe) -> str:
        raise ImageNotAvailable("there is no static busybox")

    monkeypatch.setattr(Probe, "image", lacking)

    found = look("door", "memory limit", change=lambda _: None)

    assert found["container"].status is CheckStatus.DEGRADED
    assert "there is no static busybox" in found["container"].measured
    assert "busybox-static" in found["container"].remedies[0]
    for name in ("door", "memory limit"):
        assert found[name].measured == "not checked: no container"
