"""Rows of `taskdock dev`: from a saved file to the first answer of the new code.

The quiet that files are given is taken off, as it is the same for everybody who waits for one.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speed.table import OURS, Goal, Line, Samples
from benchmarks.speed.world import Own, TooSlow, World, await_true, own_server
from taskdock.client.development.quiet import QUIET
from taskdock.client.servers.local_server import own_command

LINES = (
    Line("saved to answering, beyond the quiet", "ms", "saved", goals=(Goal(100),)),
    Line("saved to answering, 5,000 files of 50 MB", "ms", "saved, heavy", goals=(Goal(400),)),
)
_FIELDS = {"path": "src", "entryPoint": "app.handler", "runtime": "python3.11"}
_HEAVY = 5000  # files
_CONTENT = "exports.answer = () => 'a line of a dependency, as many others';\n" * 150  # 10 kB
_REST = 2.0  # seconds, in which a container is prewarmed


def development(world: World) -> Samples:
    found: Samples = {"saved": {OURS: []}, "saved, heavy": {OURS: []}}
    with own_server(world, world.folder / "development") as own:
        for series, files, rounds in (("saved", 0, (3, 15)), ("saved, heavy", _HEAVY, (2, 6))):
            name = f"dev-{files}"
            folder = _project(world.folder / name, name, files)
            with _developing(folder, own, name):
                for number in range(1, world.amount(*rounds) + 1):
                    time.sleep(_REST)
                    found[series][OURS].append(_saved(folder, own, name, number))
    return found


def _project(folder: Path, name: str, files: int) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "task-config.json").write_text(json.dumps({"name": name, **_FIELDS}))
    _save(folder, 0)
    for number in range(files):
        package = folder / "src" / "node_modules" / f"package{number // 20}"
        package.mkdir(parents=True, exist_ok=True)
        (package / f"file{number}.js").write_text(_CONTENT)
    return folder


def _save(folder: Path, number: int) -> None:
    (folder / "src" / "app.py").write_text(f"def handler(event, context):\n    return {number}\n")


@contextmanager
def _developing(folder: Path, own: Own, name: str) -> Iterator[None]:
    command = [*own_command(), "dev", str(folder), "--url", f"http://localhost:{own.port}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            await_true(lambda: _is_deployed(own, name) or process.poll() is not None, 0.05)
            if _answer(own, name) != 0:
                raise TooSlow("the function was not deployed")
            time.sleep(_REST)  # until it watches
            yield
        finally:
            process.send_signal(signal.SIGINT)


def _is_deployed(own: Own, name: str) -> bool:
    return any(one["name"] == name for one in own.get("/tasks/v1/functions/")["data"])


def _answer(own: Own, name: str) -> object:
    return own.post(f"/tasks/v1/functions/{name}/execute", {"data": {}})["result"]


def _saved(folder: Path, own: Own, name: str, number: int) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    _save(folder, number)
    time.sleep(QUIET)  # nobody can answer before
    await_true(lambda: _answer(own, name) == number, 0.001)
    return (time.perf_counter() - begun - QUIET) * 1000
