"""A taskdock server of our own: a child process that is started, listened to and always stopped."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import IO

from emulator.client.api import TaskService
from emulator.client.errors import NotStarted, ServerUnreachable
from emulator.clock import Clock

_URL_LINE = re.compile(r"Task Service\s+(http://\S+)")
_SECONDS_TO_START = 120
_SECONDS_TO_STOP = 30


class LocalServer:
    """`with LocalServer(...) as server:` gives a running one; `exit_code` is known after."""

    def __init__(self, command: Sequence[str], *, data_dir: Path, clock: Clock) -> None:
        self._command = [*command, "serve", "--port", "0", "--data-dir", str(data_dir)]
        self._clock = clock
        self.url = ""
        self.exit_code: int | None = None

    def __enter__(self) -> LocalServer:
        # In a session of its own a Ctrl-C reaches us alone, and we stop it when we are ready to.
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            self.url = self._await_url(self._clock.monotonic() + _SECONDS_TO_START)
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

    def _await_url(self, deadline: float) -> str:
        assert self._process.stdout is not None
        printed: queue.Queue[str | None] = queue.Queue()
        threading.Thread(
            target=_pick_url, args=(self._process.stdout, printed), daemon=True
        ).start()
        try:
            url = printed.get(timeout=_SECONDS_TO_START)
        except queue.Empty:
            raise NotStarted(f"the server printed no URL within {_SECONDS_TO_START} s") from None
        if url is None:
            code = self._process.wait()
            raise NotStarted(f"the server ended with exit code {code}; it said why above")
        self._await_health(url, deadline)
        return url

    def _await_health(self, url: str, deadline: float) -> None:
        service = TaskService(url)
        try:
            while True:
                try:
                    service.health()
                    return
                except ServerUnreachable:
                    if self._clock.monotonic() > deadline:
                        raise
                    sleep(0.1)
        finally:
            service.close()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self.exit_code = self._process.wait(_SECONDS_TO_STOP)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            self._process.kill()
            self.exit_code = self._process.wait()


def _pick_url(output: IO[str], printed: queue.Queue[str | None]) -> None:
    """Read to the end, whatever comes: a pipe that nobody reads would block the server."""
    with output:
        for line in output:
            if match := _URL_LINE.search(line):
                printed.put(match[1])
    printed.put(None)
