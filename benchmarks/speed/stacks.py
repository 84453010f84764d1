"""Parts of taskdock's server by share of time, from py-spy's samples of the threads' stacks."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.installed import install, venv

PY_SPY = "py-spy==0.4.1"
RATE = 400  # samples a second
_START_LIMIT = 10  # seconds

PARTS = (
    ("the Runtime API's endpoints", ("emulator/web/runtime_api/",)),
    ("HTTP, on both sides", ("emulator/web/http/", "httptools")),
    ("endpoints for callers", ("emulator/web/", "flask/", "werkzeug/", "pydantic/")),
    ("database", ("emulator/store/", "peewee", "playhouse/", "sqlite3")),
    ("launchers and their doors", ("emulator/engines/", "docker/")),
    ("what containers print", ("emulator/lambdas/invoke/platform_log",)),
    (
        "functions and who is asking",
        ("emulator/lambdas/functions/", "emulator/identity/", "oauthlib/"),
    ),
    ("environments and invocations", ("emulator/lambdas/",)),
    ("tasks: queue, runner, logs", ("emulator/tasks/", "emulator/base/timing/loop")),
    ("event loop", ("emulator/base/timing/reactor", "asyncio/", "selectors")),
)
"""By the files of each; the first that fits counts."""
OTHER = "everything else"


@contextmanager
def recording(pid: int) -> Iterator[list[str]]:
    """The list gets, at the end, py-spy's raw format: a line `frame;frame;frame count` for each
    stack. Only the thread that holds Python's lock is looked at: whether the others wait or work
    without it, such as for SQLite, py-spy cannot tell."""
    install(PY_SPY)
    stacks: list[str] = []
    with tempfile.TemporaryDirectory() as room:
        written = Path(room) / "stacks"
        command = [str(venv(PY_SPY) / "bin" / "py-spy"), "record", "--pid", str(pid)]
        command += ["--rate", str(RATE), "--format", "raw", "--gil", "--output", str(written)]
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            yield stacks
        finally:
            recorder.send_signal(signal.SIGINT)
            _, said = recorder.communicate(timeout=60)
        if not written.exists():
            raise RuntimeError(f"py-spy: {said.decode(errors='replace')[-300:]}")
        stacks += written.read_text().splitlines()


def shares(stacks: Iterable[str]) -> list[tuple[str, float]]:
    """Each part's share of all samples, the largest first. A sample is of the part that its
    innermost frame with a part belongs to, so that what is common, like JSON, counts for its
    user. Pure."""
    counted: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        counted[_part(stack.split(";"))] += int(count)
    total = sum(counted.values())
    return [(part, count / total) for part, count in counted.most_common()]


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        file = frame.rpartition("(")[2]
        for part, files in PARTS:
            if file.startswith(files):
                return part
    return OTHER
