"""A server in a process of its own, with measurements of its event loop and its memory.

`WatchedServer` starts the process. In the process, each call of the event loop is measured by the
processor time of its thread, so other load of the machine makes no difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.live import REPOSITORY

LIMIT = 60.0
STALL = 0.05  # seconds
ECHO = "echo"
"""A function that answers with its event, and whose container calls the Runtime API."""


class WatchedServer:
    """The public listener is at `port`; the socket `runtime` leads to the Runtime API, as a
    connection of a program in a container of `ECHO` does."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.runtime = str(folder / "runtime")
        self.log = folder / "log"
        with self.log.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(folder), json.dumps(settings)],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.port = int(self._ask("ready")["port"])

    def connect(self, to: str) -> socket.socket:
        """`to`: "public" or "runtime"."""
        if to == "public":
            made = socket.create_connection(("127.0.0.1", self.port), LIMIT)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(LIMIT)
        made.connect(self.runtime)
        return made

    def ready(self) -> None:
        """There is a container of `ECHO`, whatever has been done before."""
        self._ask("ready")

    def stalls(self) -> list[str]:
        """The calls that held the loop for more than `STALL` since this method was last called."""
        return [str(each) for each in self._ask("stalls")["stalls"]]

    def memory(self) -> int:
        """Bytes that are its own, after all that is free has been given back."""
        self._ask("tidy")
        lines = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text().splitlines()
        (private,) = [line for line in lines if line.startswith("Private_Dirty:")]
        return int(private.split()[1]) * 1024

    def close(self) -> None:
        assert self._process.stdin is not None
        with self._process:
            self._process.stdin.close()
            self._process.wait(LIMIT)

    def _ask(self, word: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the server has ended:\n{self.log.read_text()[-4000:]}"
        return json.loads(line)


class Watch:
    """Measures each call that the loop of this process makes."""

    def __init__(self) -> None:
        self.stalls: list[str] = []
        run = asyncio.Handle._run

        def watched(handle: asyncio.Handle) -> None:
            began = time.thread_time()
            run(handle)
            took = time.thread_time() - began
            if took > STALL:
                self.stalls.append(f"{took * 1000:.0f} ms: {handle!r}")

        asyncio.Handle._run = watched  # type: ignore[method-assign]


def main(folder: Path, settings: dict[str, Any]) -> None:
    from taskdock.base.machine import memory
    from tests.support.builders import Dock

    logging.basicConfig(level="WARNING", stream=sys.stderr)
    gc.collect()
    memory.keep()  # as `taskdock serve` does
    watch = Watch()
    dock = Dock(folder / "data", **settings)
    threading.Thread(target=_lead, args=(dock, str(folder / "runtime")), daemon=True).start()
    for line in sys.stdin:
        said: dict[str, Any] = {"port": dock.emulator.port}
        match line.strip():
            case "ready":
                _container(dock)
            case "stalls":
                said["stalls"], watch.stalls[:] = list(watch.stalls), []
            case "tidy":
                gc.collect()
                memory.give_back()
        print(json.dumps(said), flush=True)
    dock.stop()
    os._exit(0)  # callers that hang are none of its business


def _lead(dock: Any, place: str) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(place)
    listening.listen(64)
    while True:
        called, _ = listening.accept()
        called.setblocking(False)
        container = _container(dock)
        container._call(container.spec.forwards[9001], called)


def _container(dock: Any) -> Any:
    """One that lives."""
    from tests.support.aws import echo

    for container in list(dock.engine.containers.values()):
        runtime = container.runtime
        if runtime is not None and runtime.end is None and runtime.program.arguments == (ECHO,):
            return container
    if dock.call("GET", f"/functions/{ECHO}").status_code != 200:
        dock.deploy(echo, ECHO)
    answer = dock.execute(ECHO)
    assert answer.status_code == 200, answer.text
    return _container(dock)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]), json.loads(sys.argv[2]))
