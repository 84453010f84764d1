"""Where the time of a warm call goes in taskdock's server, by py-spy's samples of its stacks."""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.peers import PEERS, Machine, Taskdock, install
from benchmarks.speed.clients import Clients
from benchmarks.speed.table import OURS
from benchmarks.speed.world import OK, target

PY_SPY = "py-spy==0.4.1"
SECONDS, RATE = 10, 100  # of samples, and how many a second
SHOWN = 40


def profile() -> str:
    """One client calls all the while; threads that wait are not counted."""
    install(PY_SPY)
    taskdock = Taskdock(Machine())
    try:
        with (
            tempfile.TemporaryDirectory() as room,
            Clients() as clients,
            taskdock.serve("speed", OK) as called,
        ):
            clients.call([target(called, OURS)], calls=50)
            written = Path(room) / "stacks"
            command = [str(PEERS / PY_SPY / "bin" / "py-spy"), "record"]
            command += ["--pid", str(called.server), "--duration", str(SECONDS)]
            command += ["--rate", str(RATE), "--format", "raw", "--threads"]
            command += ["--output", str(written)]
            recorder = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            result = clients.call([target(called, OURS)], seconds=SECONDS)
            recorder.wait(60)
            stacks = written.read_text().splitlines()
    finally:
        taskdock.close()
    return f"{len(result.taken)} calls in {result.seconds:.1f} s\n{summed_up(stacks)}"


def summed_up(stacks: Iterable[str]) -> str:
    """Of py-spy's raw format, a line `frame;frame;frame count` for each stack: the frames by how
    often they were on a stack, and at its end, in per cent of all samples. Pure."""
    inside: Counter[str] = Counter()
    at_end: Counter[str] = Counter()
    total = 0
    for line in stacks:
        stack, _, number = line.rpartition(" ")
        frames, count = [_function(frame) for frame in stack.split(";")], int(number)
        total += count
        at_end[frames[-1]] += count
        inside.update(dict.fromkeys(frames, count))
    lines = [f"{total} samples", "  all  self"]
    for frame, times in inside.most_common(SHOWN):
        lines.append(f"{times / total:5.0%} {at_end[frame] / total:5.0%}  {frame}")
    return "\n".join(lines)


def _function(frame: str) -> str:
    """Without the number of the line."""
    return frame.rpartition(":")[0] + ")" if frame.endswith(")") and ":" in frame else frame
