"""Rows of the test harness: what a test costs beside pytest's own time, and how fast time passes.

Nobody else has these, so the figures are compared with their goals alone.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.function import Function
from benchmarks.speed.table import OURS, Goal, Line, Samples
from benchmarks.speed.world import OK, Own, TooSlow, World, own_server

FAILS = Function({"app.py": "def handler(event, context):\n    raise ValueError('no')\n"})
DAYS = 365
LINES = (
    Line("test with a warm function, over an empty test", "ms", "test", goals=(Goal(15),)),
    Line("reset between two tests", "ms", "reset", goals=(Goal(10),)),
    Line(f"{DAYS} daily runs by one advance of the clock", "s", "days", goals=(Goal(5),)),
    Line("three retries with the clock auto", "s", "retries", goals=(Goal(0.3),)),
    Line("pytest plugin, imported and not used", "ms", "import", goals=(Goal(5),)),
)

_PROJECT = """\
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_warm(number{fixture}):
    {body}
"""
_IMPORT = """\
import pytest, sys, time
before = set(sys.modules)
begun = time.perf_counter()
import taskdock.testing.plugin
print((time.perf_counter() - begun) * 1000)
"""


def harness(world: World) -> Samples:
    found: Samples = {name: {OURS: []} for name in ("test", "reset", "days", "retries", "import")}
    for _ in range(world.amount(5, 20)):
        found["import"][OURS].append(imported())
    with ExitStack() as stack:
        options = ("--clock", "auto")
        own = stack.enter_context(own_server(world, world.folder / "harness", *options))
        stack.enter_context(own.serve("speed", OK))
        own.post("/tasks/v1/functions/", failing())
        own.post("/tasks/v1/functions/speed/execute", {"data": {}})
        for _ in range(world.amount(1, 3)):
            found["test"][OURS].append(per_test(world, own))
        for _ in range(world.amount(20, 100)):
            found["reset"][OURS].append(reset(own))
        for _ in range(world.amount(3, 10)):
            found["retries"][OURS].append(retries(own))
        for _ in range(world.amount(1, 3)):
            found["days"][OURS].append(days(own))
    return found


def imported() -> float:
    """Milliseconds that the import adds to pytest, where nothing uses the plugin."""
    command = [sys.executable, "-c", _IMPORT]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return float(told.stdout)


def per_test(world: World, own: Own) -> float:
    """Milliseconds of a test that executes a warm function, setup and teardown included, beyond
    those of an empty test in the same run."""
    count = world.amount(50, 300)
    folder = world.folder / "tests"
    folder.mkdir(exist_ok=True)
    warm = "assert taskdock.execute('speed').result == {'ok': True}"
    kinds = {"warm": (", taskdock", warm), "empty": ("", "pass")}
    for name, (fixture, body) in kinds.items():
        text = _PROJECT.format(count=count, fixture=fixture, body=body)
        (folder / f"test_{name}.py").write_text(text)
    url = f"http://localhost:{own.port}"
    taken = {name: durations(folder / f"test_{name}.py", url, count) for name in kinds}
    return taken["warm"] - taken["empty"]


def durations(file: Path, url: str, count: int) -> float:
    """Median milliseconds of a test of this file: its setup, call and teardown together."""
    report = file.with_suffix(".json")
    plugin = file.with_name("taken.py")
    plugin.write_text(_TAKES)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "taken", "-p", "no:cacheprovider"]
    command += ["--taskdock-url", url, "--taken", str(report), str(file)]
    ran = subprocess.run(
        command, cwd=file.parent, check=False, capture_output=True, text=True, timeout=300
    )
    if ran.returncode != 0:
        raise TooSlow(f"pytest ended with {ran.returncode}: {ran.stdout[-500:]}{ran.stderr[-500:]}")
    taken = json.loads(report.read_text())
    if len(taken) != count:
        raise TooSlow(f"{len(taken)} of {count} tests ran")
    return median(taken[1:]) * 1000  # the first one makes the session


_TAKES = """\
import json
import time

import pytest

taken = []

def pytest_addoption(parser):
    parser.addoption("--taken")

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    begun = time.perf_counter()
    yield
    taken.append(time.perf_counter() - begun)

def pytest_sessionfinish(session):
    with open(session.config.getoption("--taken"), "w") as file:
        json.dump(taken, file)
"""


def failing() -> dict[str, object]:
    """The body that creates a function whose tasks are retried."""
    code = base64.b64encode(FAILS.zipped()).decode()
    function = {"name": "fails", "code": code, "entryPoint": FAILS.handler}
    return function | {"runtime": FAILS.runtime, "retryPolicy": {"enabled": True}}


def reset(own: Own) -> float:
    """Milliseconds of a reset after a test that has made a few things."""
    for _ in range(3):
        own.post("/tasks/v1/", {"functionName": "speed", "startTimestamp": "2099-01-01T00:00:00Z"})
    own.post("/tasks/v1/functions/speed/execute", {"data": {}})
    begun = time.perf_counter()
    own.post("/taskdock/reset", {})
    return (time.perf_counter() - begun) * 1000


def retries(own: Own) -> float:
    """Seconds until a task and its three retries have failed."""
    own.post("/taskdock/reset", {"mode": "auto"})
    id = own.post("/tasks/v1/", {"functionName": "fails"})["id"]
    begun = time.perf_counter()
    attempts = own.get(f"/taskdock/tasks/{id}/wait?timeout=60")["attempts"]
    taken = time.perf_counter() - begun
    if len(attempts) != 4:
        raise TooSlow(f"{len(attempts)} attempts")
    return taken


def days(own: Own) -> float:
    """Seconds for a year of a daily schedule, in a warm container."""
    own.post("/taskdock/reset", {"mode": "manual"})
    own.post("/tasks/v1/schedules/", {"functionName": "speed", "interval": 86_400})
    begun = time.perf_counter()
    own.post("/taskdock/clock", {"advance": f"{DAYS}d"})
    taken = time.perf_counter() - begun
    sql = "SELECT count(*) FROM task WHERE function_name = 'speed' AND status = 'complete'"
    ((ran,),) = own.rows(sql)
    if not DAYS <= ran <= DAYS + 1:  # a schedule without a start begins at once
        raise TooSlow(f"{ran} runs in {DAYS} days")
    return taken
