"""Functions that are deployed on a server of an engine's own, and that call it back."""

from __future__ import annotations

import json
import re

from taskdock.testing.waiting import eventually
from tests.engines.demo import shown
from tests.support.live import REPOSITORY
from tests.support.own_engine import OwnEngine

SAMPLES = REPOSITORY / "sample_functions"
HELLO, SDK = "hello-world-python", "sdk-creates-task"
_TASK = re.compile(r'"taskId": "(\w+)"')


def call_back(engine: OwnEngine, url: str, *, network: bool = True) -> None:
    """A function makes a task through the SDK and API_HOST, and the task completes."""
    words = ("run", SDK, "-d", json.dumps({"functionName": HELLO}))
    made = _TASK.search(succeed(engine, url, *words, network=network))
    assert made
    eventually(
        lambda: _status(engine, url, made[1], network) == "complete",
        "the end of the task that the function has made",
        within=60,
    )


def _status(engine: OwnEngine, url: str, task: str, network: bool) -> str:
    told = succeed(engine, url, "tasks", "show", task, "--json", network=network)
    return str(json.loads(told)["status"])


def succeed(engine: OwnEngine, url: str, *words: str, network: bool = True) -> str:
    """What the command prints; it has to end well."""
    done = engine.taskdock(*words, url=url, network=network)
    assert done.returncode == 0, shown(done.stdout)
    return done.stdout
