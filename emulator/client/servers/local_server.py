"""A taskdock server as a child process: started, waited for, and always stopped.

The server's stdin is a pipe from this process. The server stops by itself when that pipe closes,
so also when this process is killed (`emulator/server/serve.py`).
"""

from __future__ import annotations

import fcntl
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import IO

from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files
from taskdock.base.files.own_folder import LOCK
from taskdock.base.machine import threads
from taskdock.base.machine.signals import Held
from taskdock.base.resources import IMPORT, PACKAGE
from taskdock.base.settings import LIFELINE
from taskdock.base.timing.clock import Clock
from taskdock.client.api import FAILING, Json, TaskService
from taskdock.client.errors import NotStarted, ServerUnreachable

_URL_LINE = re.compile(r"Task Service\s+(http://\S+)")
_SECONDS_TO_START = 120
_SECONDS_TO_STOP = 30
_SECONDS_FOR_ANOTHER = 600  # to wait for another server of the same data folder to end
_SECONDS_BETWEEN = 5
_PAUSE = 0.1

_HURRY = signal.SIGINT
"""Another signal than that of a stop, which may be sent at the same moment: of two equal ones that
the server has not taken yet, the kernel delivers one."""
_MAIN = f"{IMPORT} from taskdock.commands import main; main(prog_name='taskdock')"
_OF_A_DEMO = ("--log-level", "WARNING", "--auth", "open")
"""Options of a server whose callers carry no credentials."""

Take = Callable[[str], object]


def own_command() -> list[str]:
    """The command that runs this very `taskdock` in another process, in any current folder."""
    return [sys.executable, "-c", _MAIN, PACKAGE]


class LocalServer:
    """`with LocalServer(...) as server:` starts a server, and stops it at the end of the block.

    `url` is set within the block, `exit_code` after it. Entering raises `NotStarted` or
    `ServerUnreachable`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        data_dir: Path,
        clock: Clock,
        on_line: Take,
        options: Sequence[str] = _OF_A_DEMO,
        variables: Mapping[str, str] | None = None,
        stop_limit: float = _SECONDS_TO_STOP,
        port: int = 0,
    ) -> None:
        """`on_line` is called with each line of the server's stderr, on a thread of this object.
        `options`: those of `taskdock serve`, beside port and data folder. `variables`: further
        ones of the server's environment. `stop_limit`: seconds that the server has to stop before
        it is killed. `port`: 0 picks a free one."""
        own = ["--port", str(port), "--data-dir", str(data_dir)]
        self._command = [*command, "serve", *own, *options]
        self._variables = {"PYTHONUNBUFFERED": "1", LIFELINE: "1", **(variables or {})}
        self._lock = data_dir / LOCK  # a server holds this lock as long as it lives
        self._clock = clock
        self._on_line = on_line
        self._stop_limit = stop_limit
        self._readers: list[threading.Thread] = []
        self._hurry: Callable[[], object] = lambda: None
        self.url = ""
        self.exit_code: int | None = None

    def __enter__(self) -> LocalServer:
        self._await_another()
        with Held() as held:
            # In a session of its own, the server gets no Ctrl-C of the terminal: `_stop` stops it.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                env={**os.environ, **self._variables},
            )
            self._hurry = partial(self._process.send_signal, _HURRY)
            try:
                held.release()
                self._start(self._clock.monotonic() + _SECONDS_TO_START)
            except BaseException:
                self._stop()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def hurry(self) -> None:
        """Has the server end what still runs, where it is being stopped already. It may be called
        from a handler of a signal."""
        self._hurry()

    @property
    def runs(self) -> bool:
        """Whether the server, once started, has not ended by itself."""
        return self._process.poll() is None

    def _await_another(self) -> None:
        """Waits for a server of an earlier call that was killed, while that server stops."""
        try:
            file = open(own_files.open_file(self._lock))  # noqa: SIM115 - closed below
        except (
            OSError,
            ForeignFile,
        ):  # the folder is new; or the server will say what is wrong with it
            return
        began = reported = self._clock.monotonic()
        with file:
            while not _is_free(file):
                now = self._clock.monotonic()
                if now - began > _SECONDS_FOR_ANOTHER:
                    return
                if now - reported >= _SECONDS_BETWEEN:
                    reported = now
                    what = f"waiting for another taskdock to end, which uses {self._lock.parent}"
                    self._on_line(f"{what}: {now - began:.0f} s")
                sleep(_PAUSE)

    def _start(self, deadline: float) -> None:
        printed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._readers = [
            _reader(self._process.stdout, printed.put),
            _reader(self._process.stderr, self._on_line),
        ]
        self.url = self._await_url(printed, deadline)
        self._await_health(deadline)

    def _await_url(self, printed: queue.SimpleQueue[str], deadline: float) -> str:
        while self._clock.monotonic() < deadline:
            with suppress(queue.Empty):
                if match := _URL_LINE.search(printed.get(timeout=_PAUSE)):
                    return match[1]
            if self._process.poll() is not None and printed.empty():
                code = self._process.returncode
                raise NotStarted(f"the server ended with exit code {code}; it said why above")
        raise NotStarted(f"the server printed no URL within {_SECONDS_TO_START} s")

    def _await_health(self, deadline: float) -> None:
        service = TaskService(self.url)
        try:
            while True:
                try:
                    self._check(service.health())
                    return
                except ServerUnreachable:
                    if self._clock.monotonic() > deadline:
                        raise
                    sleep(_PAUSE)
        finally:
            service.close()

    def _check(self, health: Json) -> None:
        """Passes each trouble to `on_line`. Raises `NotStarted` if the server cannot work."""
        troubles = [f"{one['name']}: {one['reason']}" for one in health.get("troubles", ())]
        if health.get("status") == FAILING:
            raise NotStarted(f"the server does not work: {'; '.join(troubles)}")
        for trouble in troubles:
            self._on_line(trouble)

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self.exit_code = self._process.wait(self._stop_limit)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()
            self.exit_code = self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        for reader in self._readers:
            reader.join(1)  # for the last lines; limited, because a child may hold the pipe open
        if not self._readers:  # which close what they have read to its end
            for stream in filter(None, (self._process.stdout, self._process.stderr)):
                stream.close()


def _is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True


def _reader(stream: IO[str] | None, take: Take) -> threading.Thread:
    """Starts a thread that reads the stream to its end, because a full pipe would block the server.

    `take` is called with each line, on that thread.
    """
    assert stream is not None, "Popen was asked for pipes"

    def read() -> None:
        with stream:
            for line in stream:
                take(line.rstrip())

    return threads.start(read, name="reader")
