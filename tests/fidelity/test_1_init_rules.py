"""How a runtime starts, fact by fact: the init phase, its second try, and starts after a crash.

A name begins with 1.6, the section of these facts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from taskdock.base.timing.limits import Limits
from tests.fidelity.conftest import serving
from tests.support.live_dock import LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

SLOW = """import time
time.sleep({seconds})

def handler(event, context):
    if event == "crash":
        raise SystemExit(3)
    return "served"
"""
FAILING = {
    "python3.11": "import uuid\nraise ValueError(str(uuid.uuid4()))\n",
    "nodejs20.x": "throw new Error(require('crypto').randomUUID());\n",
}
ID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


def test_1_6_an_init_may_take_longer_than_the_function_but_not_after_a_crash(
    live: LiveDock,
) -> None:
    function = live.deploy("python3.11", SLOW.format(seconds=1.5), time_limit=1)

    cold = function.call()
    crash = function.call("crash")
    after = function.call()

    assert cold.result == "served"
    assert float(re.findall(r"Init Duration: ([\d.]+) ms", cold.report)[0]) > 1500
    assert crash.failure.message.endswith("exit status 3")
    assert after.failure.message.endswith("Error: Task timed out after 1.00 seconds")
    (init_report,) = [line for line in after.lines if line.startswith("INIT_REPORT ")]
    assert re.fullmatch(
        r"INIT_REPORT Init Duration: \d{4,}\.\d\d ms\tPhase: invoke\tStatus: timeout", init_report
    )
    assert "\tDuration: 1000.00 ms\t" in after.report
    assert after.report.endswith("\tStatus: timeout\t")


@pytest.mark.parametrize("runtime", FAILING)
def test_1_6_a_failed_init_is_tried_again_and_the_second_error_counts(
    live: LiveDock, runtime: str
) -> None:
    called = live.deploy(runtime, FAILING[runtime]).call()

    reported = [i for i, line in enumerate(called.lines) if line.startswith("INIT_REPORT ")]
    assert [re.findall(r"Phase: (\w+)", called.lines[i]) for i in reported] == [
        ["init"],
        ["invoke"],
    ]
    first, second = [re.findall(ID, called.lines[i - 1])[0] for i in reported]
    assert first != second
    assert json.loads(called.body)["errorMessage"] == second


def test_1_6_every_invocation_tries_once_more(live: LiveDock) -> None:
    function = live.deploy("nodejs20.x", FAILING["nodejs20.x"])

    inits = [[w for w in function.call().words if w.startswith("INIT_")] for _ in range(2)]

    assert inits == [["INIT_START", "INIT_REPORT", "INIT_REPORT"], ["INIT_REPORT"]]


def test_1_6_the_second_init_may_succeed(live: LiveDock) -> None:
    """It finds what the first has left in /tmp."""
    function = live.deploy(
        "python3.11",
        "import os, sys\n"
        "if not os.path.exists('/tmp/been'):\n"
        "    open('/tmp/been', 'w').close()\n"
        "    sys.exit(3)\n"
        "handler = lambda event, context: 'served'\n",
    )

    called = function.call()

    assert called.result == "served"
    assert called.words == ["INIT_START", "INIT_REPORT", "START", "END", "REPORT"]
    assert "Init Duration" not in called.report


@pytest.mark.parametrize(
    ("runtime", "code", "name", "why"),
    [
        ("python3.11", "import sys\nsys.exit(3)\n", "Runtime.ExitError", "exit status 3"),
        ("nodejs20.x", "process.exit(3);\n", "Runtime.ExitError", "exit status 3"),
        ("provided.al2023", "#!/bin/sh\nexit 3\n", "Runtime.ExitError", "exit status 3"),
        ("provided.al2023", "#!/bin/sh\nexit 142\n", "Runtime.ExitError", "exit status 142"),
        (
            "provided.al2023",
            "#!/bin/sh\nkill -ALRM $$\n",
            "Runtime.ExitError",
            "signal: alarm clock",
        ),
        ("python3.11", "x = b'x' * (200 << 20)\n", "Runtime.OutOfMemory", "signal: killed"),
    ],
)
def test_1_6_a_crash_in_the_init_is_told_at_once(
    live: LiveDock, runtime: str, code: str, name: str, why: str
) -> None:
    """No time limit has to pass: nothing of it is a time-out."""
    called = live.deploy(runtime, code, time_limit=300).call()

    assert called.failure.name == name
    assert called.failure.message.endswith(f"Runtime exited with error: {why}")
    phases = [line for line in called.lines if line.startswith("INIT_REPORT ")]
    status = f"Status: error\tError Type: {name}"
    assert [line.split("\t", 1)[1] for line in phases] == [
        f"Phase: init\t{status}",
        f"Phase: invoke\t{status}",
    ]


@pytest.mark.parametrize(
    ("runtime", "code"),
    [
        ("python3.11", "threading.Timer(1.0, os._exit, [3]).start()\nresult = 'done'"),
        ("provided.al2023", 'curl -sS -o /dev/null "$api/$id/response" -d \'"done"\'; exit 3'),
    ],
)
def test_1_6_who_ends_after_its_answer_has_answered_and_starts_anew(
    live: LiveDock, runtime: str, code: str
) -> None:
    """Python has asked for the next event by then, the script has not."""
    function = live.doer(runtime)

    called = function.run(code)
    function.await_end()
    after = function.run("echo here" if runtime == "provided.al2023" else "")

    assert called.result == "done"
    assert "Status" not in called.report
    assert after.result is None
    assert after.words[0] == "START"
    assert "Init Duration" not in after.report


def test_1_6_an_init_that_takes_too_long_is_tried_again(tmp_path: Path) -> None:
    with serving(tmp_path / "data", Limits(init=0.5)) as live:
        function = live.deploy("python3.11", SLOW.format(seconds=1))

        called = function.call()

    assert called.result == "served"
    assert re.fullmatch(
        r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: timeout", called.lines[1]
    )
    assert called.words == ["INIT_START", "INIT_REPORT", "START", "END", "REPORT"]
    assert "Init Duration" not in called.report
    assert float(re.findall(r"\tDuration: ([\d.]+) ms", called.report)[0]) > 1000


def test_1_6_the_init_phase_is_ten_seconds() -> None:
    assert Limits().init == 10.0
