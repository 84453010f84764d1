"""The pytest plugin: fixtures for tests of functions, and what is shown when such a test fails.

pytest imports this module in each of its runs. So it imports nothing but pytest, and the rest comes
with the first fixture that is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import requests

    from taskdock.testing.client.steering.clock import ClockControl
    from taskdock.testing.client.steering.doubles import DoubleControl
    from taskdock.testing.client.steering.faults import FaultControl
    from taskdock.testing.client.taskdock import Taskdock
    from taskdock.testing.plugin.suite import Suite
    from taskdock.testing.plugin.suite_server import SuiteServer

_MARKER = (
    "taskdock(functions=[], auth='open', clock='auto', doubles=None): the functions that the test"
    " needs, as folders with a task-config.json, and the server that it needs: auth open or strict,"
    " clock auto, manual or real, a folder of doubles"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("taskdock", "taskdock: functions in containers")
    group.addoption(
        "--taskdock-url",
        metavar="URL",
        help="use the server that runs there instead of starting one; its tasks, schedules and"
        " events are removed before each test",
    )
    group.addoption(
        "--taskdock-keep",
        action="store_true",
        help="leave the server up when the tests have ended, until Ctrl-C",
    )
    group.addoption(
        "--taskdock-cov",
        action="store_true",
        help="count the lines that functions run: Python's in the data of coverage.py and so in the"
        " report of pytest-cov, those of Node.js in taskdock.lcov",
    )
    parser.addini("taskdock_functions", "folders of functions that all tests have", "linelist", [])
    parser.addini("taskdock_auth", "sign-in at the server: open or strict", default="open")
    parser.addini("taskdock_clock", "time at the server: auto, manual or real", default="auto")
    parser.addini("taskdock_doubles", "folder of doubles that all tests have", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    if any(config.getoption(f"taskdock_{name}") for name in ("url", "keep", "cov")):
        from taskdock.testing.plugin import options  # noqa: PLC0415 - late: few runs need it

        options.check(config)
    if config.getoption("taskdock_cov"):
        from taskdock.testing.plugin import counting  # noqa: PLC0415 - late: it is heavy

        config.pluginmanager.register(counting.Counting(config), counting.NAME)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    for outcome in ("failed", "error"):
        for report in terminalreporter.stats.get(outcome, ()):
            for annotation in getattr(report, "taskdock_annotations", ()):
                terminalreporter.write_line(annotation)


@pytest.fixture(scope="session")
def _taskdock_suite(pytestconfig: pytest.Config) -> Iterator[Suite]:
    from taskdock.testing.plugin.suite import Suite  # noqa: PLC0415 - late: it is heavy

    suite = Suite(pytestconfig)
    yield suite
    suite.end()


@pytest.fixture(scope="session")
def taskdock_server(_taskdock_suite: Suite) -> SuiteServer:
    """The server of the session, by the settings: `url`, `variables` for other programs, and
    `taskdock`. Each worker of pytest-xdist has one of its own."""
    return _taskdock_suite.general()


@pytest.fixture
def taskdock(request: pytest.FixtureRequest, _taskdock_suite: Suite) -> Taskdock:
    """The server, as new: nothing of other tests is on it but functions, whose containers stay
    warm."""
    return _taskdock_suite.begin(request.node).taskdock


@pytest.fixture
def taskdock_clock(taskdock: Taskdock) -> ClockControl:
    """The time of the server: `advance(days=7)`, `move_to(...)`, `run_until_idle()`."""
    return taskdock.clock


@pytest.fixture
def taskdock_faults(taskdock: Taskdock) -> FaultControl:
    """Faults: `add("welcome-mail", Fault.error("SmtpDown"), times=2)`."""
    return taskdock.faults


@pytest.fixture
def taskdock_doubles(taskdock: Taskdock) -> DoubleControl:
    """Doubles of other services: `add("POST", "/mail/v1/", json={})`."""
    return taskdock.doubles


@pytest.fixture
def taskdock_session(taskdock: Taskdock) -> requests.Session:
    """A `requests.Session` that signs as the Task Service's SDK does, for paths such as
    `/tasks/v1/`."""
    return taskdock.session


@pytest.fixture
def lambda_client(taskdock: Taskdock, _taskdock_suite: Suite) -> Any:
    """boto3's client of AWS Lambda, for the server. The test is skipped without boto3."""
    return _taskdock_suite.lambda_client(taskdock.url)
