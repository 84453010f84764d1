"""Files by which a server and the commands find, stop and hear of each other."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskdock.base.errors import StartupError, TaskdockError
from taskdock.base.files import registry
from taskdock.base.timing.clock import SystemClock
from taskdock.client.servers import stopping
from taskdock.server import port_file, stop_requests
from taskdock.testing.waiting import eventually


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def lock(data: Path) -> Iterator[int]:
    """The lock of a server whose word is `ours`; a test closes it to end the server."""
    file = (data / "lock").open("w")
    file.write("ours")
    file.flush()
    fcntl.flock(file, fcntl.LOCK_EX)
    with file:
        yield file.fileno()


def stop(data: Path, *, at_once: bool = False, seconds: float = 60) -> bool:
    return stopping.stop(data, at_once=at_once, seconds=seconds, clock=SystemClock())


@pytest.mark.parametrize("at_once", [False, True])
def test_a_server_hears_the_request_and_is_waited_for(data: Path, lock: int, at_once: bool) -> None:
    heard: list[bool] = []

    def hear(now: bool) -> None:
        heard.append(now)
        fcntl.flock(lock, fcntl.LOCK_UN)

    stop_requests.listen(data, "ours", hear)

    assert stop(data, at_once=at_once)
    assert heard == [at_once]
    assert not (data / "stop").exists()


def test_a_request_to_another_server_is_thrown_away(data: Path, lock: int) -> None:
    heard: list[bool] = []
    (data / "stop").write_text("earlier stop\n")

    stop_requests.listen(data, "ours", heard.append)

    eventually(lambda: not (data / "stop").exists(), "the request is gone")
    assert heard == []


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_request_that_is_no_file_of_the_users_stops_nothing(
    data: Path, lock: int, tmp_path: Path, kind: str
) -> None:
    heard: list[bool] = []
    if kind == "link":
        (tmp_path / "theirs").write_text("ours stop\n")
        (data / "stop").symlink_to(tmp_path / "theirs")
    else:
        (data / "stop").mkdir()

    stop_requests.listen(data, "other", heard.append)

    with pytest.raises(TaskdockError):
        stop(data, seconds=0.3)
    assert heard == []


def test_a_server_that_goes_on_is_reported_in_time(data: Path, lock: int) -> None:
    with pytest.raises(TaskdockError, match=r"has not ended within 0\.1 s.*taskdock stop --now"):
        stop(data, seconds=0.1)


def test_a_later_server_on_the_folder_is_not_waited_for(data: Path, lock: int) -> None:
    def replace(_: bool) -> None:
        os.pwrite(lock, b"next", 0)

    stop_requests.listen(data, "ours", replace)

    assert stop(data)


def test_where_no_server_runs_nothing_is_written(data: Path, tmp_path: Path) -> None:
    assert not stop(data)
    assert not stop(tmp_path / "missing")
    assert not list(data.iterdir())


# The port file


def test_the_port_is_there_while_the_server_serves(tmp_path: Path) -> None:
    file = tmp_path / "port"
    port_file.clear(file)
    port_file.write(file, 8080)
    written = file.read_text()
    port_file.remove(file, 8080)

    assert written == "8080\n"
    assert not list(tmp_path.iterdir())


def test_the_port_of_another_server_stays(tmp_path: Path) -> None:
    port_file.write(tmp_path / "port", 8081)
    port_file.remove(tmp_path / "port", 8080)

    assert (tmp_path / "port").read_text() == "8081\n"


@pytest.mark.parametrize("content", ["", "8080", "8080\n"])
def test_the_port_of_an_earlier_server_is_removed_before_a_script_can_read_it(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "port").write_text(content)
    port_file.clear(tmp_path / "port")

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["precious", "80 80", "123456789"])
def test_a_file_with_other_content_is_never_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "port").write_text(content)

    with pytest.raises(StartupError, match="it holds something else than a port"):
        port_file.clear(tmp_path / "port")
    assert (tmp_path / "port").read_text() == content


@pytest.mark.parametrize(("name", "why"), [("", "it is a folder"), ("no/port", "No such file")])
def test_a_place_that_cannot_be_written_is_refused_at_the_start(
    tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(StartupError, match=f"{why}.*; choose another --port-file"):
        port_file.clear(tmp_path / name)


# The registry


def test_data_folders_are_found_while_they_are_entered(data: Path, tmp_path: Path) -> None:
    ours = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert registry.folders(ours) == []
    registry.enter(data, ours)
    found = registry.folders(ours)
    registry.leave(data, ours)

    assert (found, registry.folders(ours)) == ([data], [])
    assert stat.S_IMODE((tmp_path / "cache" / "taskdock" / "servers").stat().st_mode) == 0o700


def test_entries_that_others_may_have_written_do_not_count(data: Path, tmp_path: Path) -> None:
    ours = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    registry.enter(data, ours)
    (tmp_path / "cache" / "taskdock" / "servers").chmod(0o777)

    assert registry.folders(ours) == []


@pytest.mark.parametrize("content", ["", "relative", "/nowhere", "/dev/null", "\0"])
def test_an_entry_that_names_no_folder_is_passed_over(
    data: Path, tmp_path: Path, content: str
) -> None:
    ours = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    registry.enter(data, ours)
    (tmp_path / "cache" / "taskdock" / "servers" / "0").write_text(content)

    assert registry.folders(ours) == [data]
    assert not (tmp_path / "cache" / "taskdock" / "servers" / "0").exists()


# The log of a detached server


def test_a_log_that_was_removed_is_begun_anew(tmp_path: Path) -> None:
    script = (
        "import logging, sys\n"
        "from pathlib import Path\n"
        "from taskdock.server.detached import BoundedLog\n"
        "Path(sys.argv[1]).unlink()\n"
        "log = logging.getLogger('a')\n"
        "log.addHandler(BoundedLog(Path(sys.argv[1]), 100))\n"
        "log.warning('a' * 120)\n"
        "log.warning('b')\n"
    )
    file = tmp_path / "server.log"
    with file.open("a") as log:
        subprocess.run(
            [sys.executable, "-c", script, str(file)], stdout=log, stderr=log, check=True
        )

    assert file.read_text() == "b\n"


def test_a_large_log_is_turned_and_all_that_is_printed_follows(tmp_path: Path) -> None:
    script = (
        "import logging, os, sys\n"
        "from pathlib import Path\n"
        "from taskdock.server.detached import BoundedLog\n"
        "log = logging.getLogger('a')\n"
        "log.addHandler(BoundedLog(Path(sys.argv[1]), 100))\n"
        "log.warning('a' * 120)\n"
        "log.warning('b' * 120)\n"
        "print('stdout', flush=True)\n"
        "os.system('echo child')\n"
    )
    file = tmp_path / "server.log"
    with file.open("a") as log:
        file.chmod(0o600)
        subprocess.run(
            [sys.executable, "-c", script, str(file)], stdout=log, stderr=log, check=True
        )

    assert file.read_text() == "stdout\nchild\n"
    assert (tmp_path / "server.log.1").read_text() == "b" * 120 + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
