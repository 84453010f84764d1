"""A server as a process: on this machine's engine, until a signal ends it.

The first thread waits for signals alone, and all else is done on others: so no signal has to wait,
whatever hangs.
"""

from __future__ import annotations

import logging
import os
import select
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from taskdock.base.errors import DataFolderLost, StartupError
from taskdock.base.files import registry
from taskdock.base.files.own_folder import SERVER_LOG
from taskdock.base.machine import memory
from taskdock.base.settings import EPHEMERAL, LIFELINE, Settings
from taskdock.server import port_file as port_files
from taskdock.server import stop_requests
from taskdock.server.app import Emulator
from taskdock.server.detached import Teller, log_handler
from taskdock.server.doctor.shortfalls import shortfalls
from taskdock.server.on_this_machine import build_here
from taskdock.server.welcome import made_at_first, openness, red, say, welcome

_START_LIMIT = 1.5  # seconds that a start has to come to its end once it is not wanted any more
_HURRY_LIMIT = 1.5  # seconds for what still runs, after a second signal
_LEAVE_LIMIT = 2.0  # seconds for threads that hang, once all is stopped
_OVER = b"\0"  # among the numbers of signals


def serve(settings: Settings, port_file: Path | None = None) -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP: then what runs may finish.

    A second signal ends what still runs, and the process within two seconds; so does the first
    while the server still starts. A third ends it at once. If it has not ended in order by then,
    its exit code is 128 and the signal's number. Containers that are left are the reaper's
    (`engines/docker/reaper.py`), and all else is the next start's: it is as after a crash.

    `taskdock stop` is as good as a SIGTERM. `port_file`: has the port while the server serves.

    Raises `DataFolderLost` when there was nothing to serve from any more, and what keeps a server
    from starting: `EngineError` or `StartupError`.
    """
    teller = Teller()
    log = settings.data_dir.absolute() / SERVER_LOG if teller.is_detached else None
    logging.basicConfig(level=settings.log_level, handlers=[log_handler(log)])
    for noisy in ("urllib3", "docker", "peewee", "oauthlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    heard, sent = socket.socketpair()
    stop_requests.listen_to_signals(sent)
    is_ours_alone = bool(os.environ.pop(LIFELINE, ""))
    if is_ours_alone:
        threading.Thread(target=stop_requests.end_with_stdin, args=(sent,), daemon=True).start()
    is_ephemeral = bool(os.environ.pop(EPHEMERAL, ""))
    life = _Life(
        settings,
        over=lambda: sent.send(_OVER),
        asked=lambda at_once: stop_requests.ask(sent, at_once),
        port_file=port_file,
        is_findable=not is_ours_alone,
        tell=teller.tell,
        log=log,
    )
    threading.Thread(target=life.live, name="server", daemon=True).start()
    too_late = _wait(life, heard)
    if is_ephemeral:
        shutil.rmtree(settings.data_dir, ignore_errors=True)
    if too_late:
        _exit(too_late)
    threading.Thread(target=_leave, args=(bool(life.error),), daemon=True).start()
    if life.error is not None:
        raise life.error


class _Life:
    """A server from its start to its end."""

    def __init__(
        self,
        settings: Settings,
        *,
        over: Callable[[], object],
        asked: Callable[[bool], object],
        port_file: Path | None,
        is_findable: bool,
        tell: Callable[[str], object],
        log: Path | None,
    ) -> None:
        """`over` is called at the end of the server, whatever has led to it; `asked` for each
        `taskdock stop`, with True where what runs is to be ended. `is_findable`: for the commands
        of the user, in any folder. `tell` is called with the banner once it serves. `log`: the file
        that stdout and stderr lead to, where there is no terminal."""
        self._settings = settings
        self._over = over
        self._asked = asked
        self._port_file = port_file
        self._is_findable = is_findable
        self._tell = tell
        self._log = log
        self._enough = threading.Event()
        self._lost = ""
        self._emulator: Emulator | None = None
        self.began = threading.Event()
        """Set when the server serves, and afterwards."""
        self.error: BaseException | None = None
        """The exception that has ended it before its time."""

    def live(self) -> None:
        """Starts the server, waits until it is to end, and stops it. On a thread of its own."""
        try:
            if self._port_file is not None:
                port_files.clear(self._port_file)
            emulator, engine = build_here(self._settings, self._give_up)
            folder = emulator.foundation.folder
            stop_requests.listen(folder.path, folder.run, self._asked)
            memory.keep()
            try:
                emulator.start()
            except BaseException:
                for line in made_at_first(emulator, is_terminal=False):
                    say(line)
                raise
            self._emulator = emulator
            self.began.set()
            if self._enough.is_set():
                for line in made_at_first(emulator, is_terminal=False):
                    say(line)
            else:
                if warning := openness(self._settings):
                    say(red(warning), sys.stderr)
                self._show(emulator, shortfalls(engine, self._settings.data_dir))
            self._enough.wait()
            try:
                emulator.stop(0.0 if self._lost else None)
            finally:
                self._hide(emulator)
            if self._lost:
                raise DataFolderLost(self._lost)
        except BaseException as error:
            self.error = error
        finally:
            self._over()

    def _show(self, emulator: Emulator, degraded: Sequence[str]) -> None:
        """Says that the server serves, to whoever may want to know."""
        if self._is_findable:
            registry.enter(emulator.foundation.data, os.environ)
        if self._port_file is not None:
            try:
                port_files.write(self._port_file, emulator.port)
            except OSError as error:
                emulator.stop(0.0)
                raise StartupError(
                    f"the port cannot be written to {self._port_file}: {error.strerror or error}"
                ) from None
        self._tell(welcome(emulator, degraded, self._log))

    def _hide(self, emulator: Emulator) -> None:
        if self._is_findable:
            registry.leave(emulator.foundation.data, os.environ)
        if self._port_file is not None:
            port_files.remove(self._port_file, emulator.port)

    def end(self) -> None:
        """Ends the server as soon as its start is over. Functions that run may finish."""
        self._enough.set()

    def hurry(self) -> None:
        """Ends what still runs, for an `end` that is under way."""
        if self._emulator is not None:
            self._emulator.hurry()

    def _give_up(self, reason: str) -> None:
        self._lost = reason
        say(red(f"stopping: {reason}"), sys.stderr)
        self._enough.set()


def _wait(life: _Life, heard: socket.socket) -> bytes:
    """Returns when the server has ended; or, where that takes too long, the request to stop for
    which the process is to end at once."""
    first = _next(heard, None)
    if first == _OVER:
        return b""
    if not life.began.is_set():
        say(f"stopping ({stop_requests.WHY[first]}): the start is given up")
        life.end()
        late = _next(heard, _START_LIMIT)
        if late == _OVER:
            return b""
        if late or not life.began.is_set():
            return late or first
    else:
        say(f"stopping ({stop_requests.WHY[first]}): running tasks may finish, others stay queued")
        life.end()
    second = _next(heard, None)
    if second == _OVER:
        return b""
    say(f"stopping ({stop_requests.WHY[second]}): what still runs is ended")
    threading.Thread(target=life.hurry, daemon=True).start()
    third = _next(heard, _HURRY_LIMIT)
    return b"" if third == _OVER else third or second


def _next(heard: socket.socket, limit: float | None) -> bytes:
    """The next byte: `_OVER` or the request to stop. Empty when none has come within `limit`
    seconds."""
    ready, _, _ = select.select([heard], [], [], limit)
    return heard.recv(1) if ready else b""


def _exit(request: bytes) -> None:
    """Ends this process at once, whatever its threads do."""
    code = 128 + stop_requests.signal_of(request)
    say(f"ended at once, with exit code {code}: the next start clears up")
    os._exit(code)


def _leave(failed: bool) -> None:
    """Ends this process later, unless it has ended: Python waits for threads at its end, and they
    may wait for an engine that hangs."""
    time.sleep(_LEAVE_LIMIT)
    os._exit(1 if failed else 0)
