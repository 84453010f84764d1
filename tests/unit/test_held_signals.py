"""A signal between the start of a process and the line that knows what to end leaks nothing."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest

from taskdock.base.machine.signals import Held
from taskdock.base.timing.clock import SystemClock
from taskdock.client.deployment import build
from taskdock.client.execution import folders
from taskdock.client.servers.local_server import LocalServer
from taskdock.server import detached
from taskdock.testing.waiting import eventually
from tests.support import processes

ASKED = signal.SIGUSR1
SLEEP = (sys.executable, "-c", "import time; time.sleep(100)")


class Asked(BaseException):
    """What the handler raises, as the one of Ctrl-C does."""


def stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Asked


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.signal(ASKED, stop)
    yield
    assert signal.getsignal(ASKED) is stop, "the handler is there again"
    signal.signal(ASKED, before)


def test_a_handler_runs_when_the_signals_are_released() -> None:
    reached = []

    with pytest.raises(Asked), Held() as held:  # noqa: PT012 - where it is raised is the matter
        signal.raise_signal(ASKED)
        reached.append("started")
        try:
            held.release()
            reached.append("went on")
        finally:
            reached.append("ended")

    assert reached == ["started", "ended"]


def test_a_block_that_releases_nothing_does_so_at_its_end() -> None:
    reached = []

    with pytest.raises(Asked), Held():  # noqa: PT012
        signal.raise_signal(ASKED)
        reached.append("whole")

    assert reached == ["whole"]


def test_after_the_release_a_handler_runs_at_once() -> None:
    with Held() as held:
        held.release()
        with pytest.raises(Asked):
            signal.raise_signal(ASKED)


def test_another_thread_holds_nothing() -> None:
    found = []

    def look() -> None:
        with Held():
            found.append(signal.getsignal(ASKED))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert found == [stop]


# What is started. The signal comes at the worst moment: the process is there, and nobody knows it.


def local_server(folder: Path) -> None:
    data = {"data_dir": folder, "clock": SystemClock(), "on_line": lambda _: None}
    with LocalServer([*SLEEP, str(folder)], **data):  # type: ignore[arg-type]
        pass


def detached_server(folder: Path) -> None:
    detached.start([*SLEEP, str(folder)], folder)


def command_of_a_build(folder: Path) -> None:
    build.run(build.Build(f"sleep 100; : {folder}", folder, folder), lambda _: None)


@pytest.mark.parametrize("begin", [local_server, detached_server, command_of_a_build])
def test_a_process_that_has_just_begun_is_ended(
    begin: Callable[[Path], None], tmp_path: Path
) -> None:
    with pytest.raises(Asked):
        after("_execute_child", lambda: begin(tmp_path))

    eventually(lambda: not processes.with_word(str(tmp_path)), "no process is left")


def test_a_folder_that_has_just_been_made_is_removed(tmp_path: Path) -> None:
    now = SystemClock().now()

    def make() -> None:
        with folders.passing({"XDG_CACHE_HOME": str(tmp_path)}, now):
            pass

    with pytest.raises(Asked):
        after("mkdtemp", make)

    assert list(tmp_path.rglob("exec-*")) == []


def after(function: str, call: Callable[[], None]) -> None:
    """Calls; when a function of this name returns, the signal comes."""

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "return" and frame.f_code.co_name == function:
            sys.setprofile(None)
            signal.raise_signal(ASKED)

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
