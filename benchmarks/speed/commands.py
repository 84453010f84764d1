"""Rows of the command: from its start to its end, as a shell sees it.

A peer's is its `--version`, which does the least; `run` and `tasks list` also ask a server, which
runs already and has a warm function.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.installed import SAM, venv
from benchmarks.speed.table import OURS, Goal, Line, Samples
from benchmarks.speed.world import OK, World, own_server

_GOAL = (Goal(150),)
LINES = (
    Line("command `version`, from start to end", "ms", "command version", goals=_GOAL),
    Line("command `run` of a warm function", "ms", "command run", goals=_GOAL),
    Line("command `tasks list`", "ms", "command tasks", goals=_GOAL),
)


def commands(world: World) -> Samples:
    found: Samples = {line.series: {OURS: []} for line in LINES}
    ours = str(Path(sys.executable).with_name("taskdock"))
    theirs = {name: str(venv(SAM) / "bin" / "sam") for name in world.having("sam")}
    found["command version"] |= {name: [] for name in theirs}
    with ExitStack() as stack:
        own = stack.enter_context(own_server(world, world.folder / "commands"))
        stack.enter_context(own.serve("speed", OK))
        asked = {
            "command version": [ours, "version"],
            "command run": [ours, "run", "speed"],
            "command tasks": [ours, "tasks", "list"],
        }
        environment = {**os.environ, "TASKDOCK_URL": f"http://localhost:{own.port}"}
        subprocess.run(asked["command run"], check=True, env=environment, capture_output=True)
        for _ in range(world.amount(5, 30)):
            for series, words in asked.items():
                found[series][OURS].append(taken(words, environment))
            for name, program in theirs.items():
                found["command version"][name].append(taken([program, "--version"], environment))
    return found


def taken(words: Sequence[str], environment: dict[str, str]) -> float:
    """Milliseconds of one call, which has to go well."""
    begun = time.perf_counter()
    subprocess.run(words, check=True, env=environment, capture_output=True, timeout=60)
    return (time.perf_counter() - begun) * 1000
