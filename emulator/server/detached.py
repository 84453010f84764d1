"""A server without a terminal: started in a session of its own, with its log in the data folder.

The process that starts it waits until it serves, or has ended. The server says that by a pipe: its
banner once it serves, and nothing where it ends before.
"""

from __future__ import annotations

import logging
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from taskdock.base import terminal
from taskdock.base.errors import ForeignFile, StartupError
from taskdock.base.files import own_files
from taskdock.base.files.data_folder import made
from taskdock.base.files.own_folder import OLDER_LOG, SERVER_LOG
from taskdock.base.machine.signals import Held
from taskdock.base.settings import EPHEMERAL, LIFELINE
from taskdock.base.timing.clock import SystemClock

TELLS = "TASKDOCK_TELLS"
"""A variable, but no setting: the number of the descriptor by which a server tells the process that
has started it that it serves. A server that has it is detached."""
_SECONDS_TO_START = 120
_SECONDS_TO_GIVE_UP = 5
_MOST = 8 * 1024 * 1024  # bytes of a log, after which a new one is begun
_SHOWN = 4096  # bytes of the log, where a start fails


def start(command: Sequence[str], data_dir: Path) -> str:
    """Starts the server and returns its banner once it serves. `command` runs it in the foreground.

    Raises `StartupError` where it has ended, with what it has said, or does not serve in time.
    """
    file = made(data_dir) / SERVER_LOG
    try:
        log = own_files.open_file(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except ForeignFile as error:
        raise StartupError(error.message) from None
    except OSError as error:
        raise StartupError(f"{file} cannot be written: {error.strerror or error}") from None
    began = os.fstat(log).st_size
    heard, told = os.pipe()
    variables = {k: v for k, v in os.environ.items() if k not in (LIFELINE, EPHEMERAL)}
    with Held() as held:
        try:
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that the end of a terminal does not reach it
                pass_fds=(told,),
                env={**variables, TELLS: str(told), "PYTHONUNBUFFERED": "1"},
            )
        finally:
            os.close(told)
            os.close(log)
        try:
            held.release()
            banner = _hear(heard, _SECONDS_TO_START)
        except BaseException:
            _end(server)
            raise
        finally:
            os.close(heard)
    if banner:
        return banner
    if banner is None:
        _end(server)
        raise StartupError(
            f"the server did not serve within {_SECONDS_TO_START} s, and was ended; its log: {file}"
        )
    code = server.wait()
    raise StartupError(
        f"the server ended with exit code {code}; its log, {file}, ends with:\n{_tail(file, began)}"
    )


def _hear(heard: int, limit: float) -> str | None:
    """All that the server tells; None where that does not come within `limit` seconds."""
    clock = SystemClock()
    parts: list[bytes] = []
    deadline = clock.monotonic() + limit
    while True:
        ready, _, _ = select.select([heard], [], [], max(deadline - clock.monotonic(), 0))
        if not ready:
            return None
        part = os.read(heard, 65_536)
        if not part:
            return b"".join(parts).decode("utf-8", "replace")
        parts.append(part)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_SECONDS_TO_GIVE_UP)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _tail(file: Path, began: int) -> str:
    """The last lines of the log since `began`, or a note where there are none."""
    with open(own_files.open_file(file), "rb") as log:
        size = os.fstat(log.fileno()).st_size
        log.seek(max(min(began, size), size - _SHOWN))
        lines = log.read().decode("utf-8", "replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-20:]) or "  (nothing)"


class Teller:
    """The server's end of that pipe; of nothing where the server is in the foreground."""

    def __init__(self) -> None:
        given = os.environ.pop(TELLS, "")
        self._told = int(given) if given.isdecimal() else None
        if self._told is not None:
            os.set_inheritable(self._told, False)

    @property
    def is_detached(self) -> bool:
        return self._told is not None

    def tell(self, banner: str) -> None:
        if self._told is None:
            return
        with suppress(OSError), open(self._told, "wb") as told:  # nobody may hear it any more
            told.write(banner.encode("utf-8", "replace"))


def log_handler(log: Path | None) -> logging.Handler:
    """Writes lines to stderr, without orders to the terminal: functions have said much of them.
    `log`: the file that stderr leads to, where the server is detached."""

    class HarmlessLines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return terminal.shown(super().format(record), sys.stderr)

    handler = logging.StreamHandler(sys.stderr) if log is None else BoundedLog(log)
    handler.setFormatter(HarmlessLines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


class BoundedLog(logging.StreamHandler):  # type: ignore[type-arg]
    """A handler for stderr that is the log of a detached server: once the file is large, it is
    renamed, and what this process prints from then on goes into a new one."""

    def __init__(self, file: Path, most: int = _MOST) -> None:
        super().__init__(sys.stderr)
        self._file = file
        self._most = most

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        with suppress(OSError, ForeignFile):
            if os.fstat(2).st_size > self._most:
                self._turn()

    def _turn(self) -> None:
        with suppress(FileNotFoundError):  # the user has removed it, and a new one is begun
            self._file.replace(self._file.with_name(OLDER_LOG))
        new = own_files.open_file(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(new, number)
        os.close(new)
