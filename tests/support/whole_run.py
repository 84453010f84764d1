"""A pytest plugin for the whole suite on several workers; `make test` and `make test-long` load it
with -p.

All tests of a file run on one worker (xdist's --dist loadfile). Slow files begin first; files whose
tests wait for containers and files whose tests use the processors take turns. The images that some
tests need are made at the same time. The run has a time limit: after it, running tests have failed
and no other test begins.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import pytest

from taskdock.base.machine import memory
from taskdock.lambdas.functions import runtimes
from tests.support.live import COMMAND

LIMIT = 34 * 60.0  # seconds for all tests together
LONG = f"pytest.mark.{'long'}"  # apart, for it is looked for in files
GRACE = 60.0  # seconds for what tests have open, once they were told to stop

FIRST = (
    "tests/acceptance/test_crash.py",
    "tests/fidelity/test_9_hostile_functions.py",
    "tests/engines/test_surroundings.py",
    "tests/acceptance/test_credentials.py",
    "tests/launcher/test_build.py",
    "tests/acceptance/test_kill.py",
    "tests/harness/test_pipelines.py",
    "tests/acceptance/test_pages.py",
    "tests/fuzz/",
    "tests/security/test_raw_http.py",
    "tests/acceptance/test_exec.py",
    "tests/acceptance/test_debug.py",
    "tests/contract/test_engine_contract.py",
    "tests/ui/",
)
"""Files that take long for the number of their tests, the longest first."""
LAST = ("tests/contract/test_standins.py", "tests/acceptance/test_runtimes.py")
"""Files that need every image; the images may take a while to make."""
WANTED = ("python3.11", "nodejs20.x", "provided.al2023", "python3.13", "nodejs22.x", "nodejs24.x")
"""The runtimes that most tests use, and so the images to be made first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("the whole run")
    group.addoption(
        "--limit",
        type=float,
        default=LIMIT,
        metavar="SECONDS",
        help=f"that all tests may take together; {LIMIT:.0f} if not given",
    )
    group.addoption(
        "--make-images", choices=("usual", "every"), help="make these stand-ins while tests run"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Limit(config.getoption("limit")), "limit")
    which = config.getoption("make_images")
    if which and not hasattr(config, "workerinput"):
        others = [each.id for each in runtimes.known().values() if each.standin]
        images = Images([*WANTED, *(others if which == "every" else ())])
        config.pluginmanager.register(images, "images")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: the garbage collector need not look through it."""
    with memory.importing():
        collected = yield
    memory.keep()
    return collected


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that -m leaves out is not even imported: each worker would take seconds for them."""
    wanted = {"long": True, "not long": False}.get(config.option.markexpr)
    if wanted is None or not collection_path.name.startswith("test_"):
        return None
    return True if is_long(collection_path) is not wanted else None


def is_long(file: Path) -> bool:
    """Whether the tests of a file are `long`; that is said for all of them or for none."""
    return LONG in file.read_text()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[str, bool] = {}
    for item in items:
        files[_file(item)] = item.get_closest_marker("docker") is not None
    places = {file: number for number, file in enumerate(in_order(files))}
    items.sort(key=lambda item: places[_file(item)])


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def in_order(files: Mapping[str, bool]) -> list[str]:
    """The files as they begin: long ones, then the others, then those that need every image.

    `files`: whether a file's tests need containers, whose tests wait for the engine for much of
    their time; so the rest of either kind is spread over the whole run.
    """
    rest = [file for file in files if _turn(file) == 0]
    places: dict[str, float] = {}
    for kind in (True, False):
        same = [file for file in rest if files[file] is kind]
        places |= {file: (number + 0.5) / len(same) for number, file in enumerate(same)}
    return sorted(files, key=lambda file: (_turn(file), places.get(file, 0)))


def _turn(file: str) -> int:
    """Before all others (below 0), among them or after them."""
    for number, path in enumerate(FIRST):
        if file.startswith(path):
            return number - len(FIRST)
    return int(file.startswith(LAST))


class Images:
    """Makes stand-ins beside the tests. A test that needs one makes sure of it, and says why it
    cannot be made; so nothing of that is said here.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = list(dict.fromkeys(ids))

    def pytest_sessionstart(self) -> None:
        self.making = subprocess.Popen(
            [*COMMAND, "images", *self._ids],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.making.pid, signal.SIGTERM)
        self.making.wait()


class Limit:
    """Fails the test that runs past the limit, where it is, and has no other begin.

    When that is in vain, as where it waits in C or catches everything, the process ends.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._runs = False  # whether a test does

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session
        signal.signal(signal.SIGUSR1, self._stop)
        threading.Thread(target=self._end, args=(session.config,), daemon=True).start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._runs = True
        try:
            return (yield)
        finally:
            self._runs = False

    def _end(self, config: pytest.Config) -> None:
        time.sleep(self._seconds)
        is_worker = hasattr(config, "workerinput")
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(GRACE if is_worker else 2 * GRACE)
        if not is_worker:
            said = f"\n= 1 error: the tests did not end in {self._seconds + 2 * GRACE:.2f}s =\n"
            os.write(1, said.encode())  # past pytest, which may have taken the output for itself
        os._exit(1)

    def _stop(self, *_: object) -> None:
        self._session.shouldfail = f"the tests have not ended within {self._seconds:.0f} s"
        if self._runs:
            pytest.fail(f"it still ran when all tests together had taken {self._seconds:.0f} s")
