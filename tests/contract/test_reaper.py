"""What becomes of containers whose server was killed, by a real process and a real engine."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from taskdock.base import ids
from taskdock.base.files import user_folders
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.engines.docker import reaper
from taskdock.engines.docker.images.probe import PROGRAM, Probe
from taskdock.engines.docker.locate import find_engine
from taskdock.engines.docker.reaper import LABEL, Reaper
from taskdock.testing.clock import ManualClock
from taskdock.testing.waiting import eventually
from tests.support.live import REPOSITORY

NOWHERE = "unix:///nowhere/docker.sock"
SERVER = """
import subprocess, sys
from taskdock.engines.docker.reaper import Reaper
reaper = Reaper(*sys.argv[1:])
reaper.watch()
child = subprocess.Popen(["sleep", "120"])
print(child.pid, reaper._process.pid, flush=True)
sys.stdin.read()
reaper.close()
"""
"""All that of a server which counts here: a reaper, and another child, started later."""
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WAITS = (PROGRAM, "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
RUNNING, CREATED, PAUSED, EXITED = "running", "created", "paused", "exited"


class Server:
    """A process that has a reaper, and nothing else of a server's."""

    def __init__(self, address: str, run: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, address, run],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.child, self.reaper = map(int, self._process.stdout.readline().split())

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait() == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def kill_group(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def discard(self) -> None:
        with self._process:
            self.kill()
        for pid in (self.child, self.reaper):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Containers:
    """Of one run of a server."""

    def __init__(self, client: docker.DockerClient, image: str) -> None:
        self._api = client.api
        self._image = image
        self.run = ids.word()

    def make(self, state: str) -> str:
        """The id of a new one in this state."""
        command = (PROGRAM, "true") if state == EXITED else WAITS
        made = self._api.create_container(self._image, list(command), labels={LABEL: self.run})
        id = str(made["Id"])
        if state != CREATED:
            self._api.start(id)
        if state == PAUSED:
            self._api.pause(id)
        if state == EXITED:
            self._api.wait(id)
        return id

    def states(self) -> list[str]:
        found = self._api.containers(all=True, filters={"label": f"{LABEL}={self.run}"})
        return sorted(each["State"] for each in found)

    def volumes(self, id: str) -> list[str]:
        mounts = self._api.inspect_container(id)["Mounts"]
        return [mount["Name"] for mount in mounts if mount["Type"] == "volume"]

    def discard(self) -> None:
        for each in self._api.containers(all=True, filters={"label": f"{LABEL}={self.run}"}):
            with contextlib.suppress(docker.errors.APIError):
                self._api.remove_container(each["Id"], force=True, v=True)


@pytest.fixture
def containers(docker_client: docker.DockerClient) -> Iterator[Containers]:
    image = Probe(docker_client, cache=user_folders.cache(os.environ)).image()
    containers = Containers(docker_client, image)
    yield containers
    containers.discard()


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as servers:

        def start(run: str) -> Server:
            server = Server(find_engine(os.environ), run)
            servers.callback(server.discard)
            return server

        yield start


@pytest.fixture
def watching() -> Iterator[Reaper]:
    reaper = Reaper(NOWHERE, "run")
    yield reaper
    reaper.close()


def has_ended(pid: int) -> bool:
    """It is no more, or a zombie whose parent has died and is not asked here."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def is_deaf(pid: int) -> bool:
    """To what asks a server to stop."""
    (ignored,) = re.findall(r"SigIgn:\s+(\w+)", Path(f"/proc/{pid}/status").read_text())
    return all(int(ignored, 16) >> (number - 1) & 1 for number in STOPS)


def the_one_child() -> int:
    """Of this process, that waits as reapers do."""
    (pid,) = eventually(children)
    return pid


def children() -> list[int]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        # A thread may end between the two looks.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return [pid for pid in found if is_reaper(pid)]


def is_reaper(pid: int) -> bool:
    try:
        return b"taskdock-reaper" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


# A server that was killed


@pytest.mark.docker
@pytest.mark.parametrize("state", [CREATED, RUNNING, PAUSED, EXITED])
def test_of_a_killed_server_no_container_is_left(
    start: Callable[..., Server], containers: Containers, state: str
) -> None:
    server = start(containers.run)
    containers.make(state)

    server.kill()

    eventually(lambda: not containers.states())


@pytest.mark.docker
def test_the_end_of_its_whole_process_group_spares_the_reaper(
    start: Callable[..., Server], containers: Containers
) -> None:
    server = start(containers.run)
    containers.make(CREATED)

    server.kill_group()

    eventually(lambda: not containers.states())


@pytest.mark.docker
def test_another_child_of_the_server_that_lives_on_holds_nothing_up(
    start: Callable[..., Server], containers: Containers
) -> None:
    server = start(containers.run)
    containers.make(CREATED)

    server.kill()

    eventually(lambda: not containers.states())
    assert not has_ended(server.child)


@pytest.mark.docker
def test_what_the_engine_makes_after_the_servers_end_is_removed(
    start: Callable[..., Server], containers: Containers
) -> None:
    server = start(containers.run)
    containers.make(CREATED)
    server.kill()
    eventually(lambda: not containers.states())

    containers.make(CREATED)

    eventually(lambda: not containers.states())


@pytest.mark.docker
def test_volumes_go_with_their_containers(
    start: Callable[..., Server], containers: Containers, docker_client: docker.DockerClient
) -> None:
    server = start(containers.run)
    api = docker_client.api
    image = api.inspect_container(containers.make(CREATED))["Image"]
    made = api.create_container(
        image, list(WAITS), labels={LABEL: containers.run}, volumes=["/tmp"]
    )
    (volume,) = containers.volumes(made["Id"])

    server.kill()

    eventually(lambda: not containers.states())
    assert volume not in [each["Name"] for each in api.volumes()["Volumes"] or []]


@pytest.mark.docker
def test_containers_of_other_runs_are_left_alone(
    start: Callable[..., Server], containers: Containers, docker_client: docker.DockerClient
) -> None:
    others = start(ids.word())
    containers.make(CREATED)
    containers.make(RUNNING)

    others.kill()

    eventually(lambda: has_ended(others.reaper))
    assert containers.states() == [CREATED, RUNNING]


@pytest.mark.docker
@pytest.mark.parametrize("number", STOPS)
def test_what_asks_a_server_to_stop_leaves_the_reaper(
    start: Callable[..., Server], containers: Containers, number: signal.Signals
) -> None:
    server = start(containers.run)
    containers.make(CREATED)
    eventually(lambda: is_deaf(server.reaper))

    os.kill(server.reaper, number)
    server.kill()
    os.kill(server.reaper, number)

    eventually(lambda: not containers.states())


# A server that has stopped


@pytest.mark.docker
def test_a_server_that_stops_takes_its_reaper_with_it(
    start: Callable[..., Server], containers: Containers
) -> None:
    server = start(containers.run)
    containers.make(CREATED)

    server.stop()

    assert has_ended(server.reaper)
    assert containers.states() == [CREATED]


def test_a_reaper_that_is_closed_leaves_no_process(watching: Reaper) -> None:
    watching.watch()
    pid = the_one_child()

    watching.close()
    watching.close()

    assert not Path(f"/proc/{pid}").exists()


def test_a_reaper_that_was_stopped_does_not_hold_up_its_servers_end(watching: Reaper) -> None:
    watching.watch()
    pid = the_one_child()
    os.kill(pid, signal.SIGSTOP)

    watching.close()

    assert not Path(f"/proc/{pid}").exists()


# Watching


def test_however_many_containers_are_made_at_once_there_is_one_reaper(watching: Reaper) -> None:
    makers = [threading.Thread(target=watching.watch) for _ in range(16)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()

    the_one_child()


def test_a_reaper_that_somebody_has_ended_is_started_again(watching: Reaper) -> None:
    watching.watch()
    first = the_one_child()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: has_ended(first))

    watching.watch()

    assert the_one_child() != first


def test_where_no_process_can_be_started_containers_are_made_all_the_same(
    watching: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = Health(clock=ManualClock(), notices=Notices())
    command, watching._command = watching._command, ("/nowhere/sh",)
    watching._health = health

    watching.watch()

    assert children() == []
    assert [(each.name, each.degraded) for each in health.troubles()] == [("reaper", True)]
    watching._command = command
    watching.watch()
    assert health.troubles() == []


# An engine that has gone


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_LIMIT", "_QUIET", "_PATIENCE", "_PAUSE"):
        monkeypatch.setattr(reaper, limit, getattr(reaper, limit) / 10)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("address", [NOWHERE, "tcp://127.0.0.1:1", "npipe:////./pipe/engine"])
def test_without_an_engine_it_ends_by_itself(address: str) -> None:
    reaper.reap(address, "name=value")


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("answer", [b"", b"{}", b"<"])
def test_with_an_engine_that_says_nothing_true_it_ends_by_itself(
    answer: bytes, tmp_path: Path
) -> None:
    """An empty answer: none at all, on a connection that stays open."""
    with answering(tmp_path, lambda _: answer) as address:
        reaper.reap(address, "name=value")


def test_an_engine_may_take_a_while_to_make_what_it_was_asked_for(tmp_path: Path) -> None:
    looks = [b"[]"] * 5 + [b'[{"Id": "late", "State": "created"}]']
    asked = []

    def answer(request: bytes) -> bytes:
        asked.append(request.split()[:2])
        return looks.pop(0) if looks and request.startswith(b"GET") else b"[]"

    with answering(tmp_path, answer) as address:
        reaper.reap(address, "name=value")

    assert [b"DELETE", b"/containers/late?force=1&v=1"] in asked


@contextlib.contextmanager
def answering(folder: Path, answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """The address of an engine that answers so."""
    path = folder / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)
        thread = threading.Thread(target=_answer, args=(listening, answer))
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listening: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    with contextlib.ExitStack() as silent:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:  # it is closed
                return
            body = answer(line.recv(1 << 16))
            if body:
                with line:
                    line.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body)
            else:
                silent.enter_context(line)
