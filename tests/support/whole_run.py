"""A pytest plugin for the whole suite on several workers; `make test` loads it with -p.

A file is one worker's from its first test to its last (xdist's --dist loadfile), and those that
take long begin first. Meanwhile the images that some tests need are made. And the run ends: past a
limit the workers are told to stop, and what still ran has failed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time

import pytest

from emulator.functions import runtimes
from tests.support.live import COMMAND

LIMIT = 40 * 60.0  # seconds for all tests together
GRACE = 60.0  # seconds for what tests have open, once they were told to stop

FIRST = (
    "tests/acceptance/test_kill.py",
    "tests/contract/test_engine_contract.py",
    "tests/fuzz/",
    "tests/sdk/",
    "tests/fidelity/test_9_hostile_functions.py",
)
"""What takes long for the number of its tests, the longest first."""
LAST = ("tests/contract/test_standins.py", "tests/acceptance/test_runtimes.py")
"""What needs every image, which may take a while to make."""
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
        "--make-images", action="store_true", help="make every stand-in while tests run"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Limit(config.getoption("limit")), "limit")
    if config.getoption("make_images") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Images(), "images")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn(item.nodeid))  # which keeps the order of what is equal


def turn(nodeid: str) -> int:
    """Where a test's file stands in the queue: before all others, among them or behind them."""
    for number, path in enumerate(FIRST):
        if nodeid.startswith(path):
            return number - len(FIRST)
    return int(nodeid.startswith(LAST))


class Images:
    """Makes every stand-in beside the tests. A test that needs one makes sure of it, and says why
    it cannot be made; so nothing of that is said here.
    """

    def pytest_sessionstart(self) -> None:
        others = [runtime.id for runtime in runtimes.catalog().values() if runtime.standin]
        self._making = subprocess.Popen(
            [*COMMAND, "images", *dict.fromkeys([*WANTED, *others])],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._making.pid, signal.SIGTERM)
        self._making.wait()


class Limit:
    """Ends the tests of this process as Ctrl-C does, and when that is in vain, the process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        thread = threading.Thread(target=self._end, args=(session.config,), daemon=True)
        thread.start()

    def _end(self, config: pytest.Config) -> None:
        time.sleep(self._seconds)
        is_worker = hasattr(config, "workerinput")
        if not is_worker:
            tell(f"Not ended within {self._seconds:.0f} s: what still runs is stopped, and failed.")
        if is_worker or not config.getoption("numprocesses", None):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(GRACE if is_worker else 2 * GRACE)
        if not is_worker:
            tell(f"= 1 error: the tests did not end in {self._seconds + 2 * GRACE:.2f}s =")
        os._exit(1)


def tell(words: str) -> None:
    """Past pytest, which may have taken the output for itself."""
    os.write(2, f"\n{words}\n".encode())
