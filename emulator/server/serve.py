"""A server as a process: on this machine's Docker Engine, until a signal ends it.

Everything is done on another thread than the first, which waits for signals alone: so none of them
has to wait, whatever hangs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from emulator import __version__
from emulator.base import terminal
from emulator.base.errors import DataFolderLost
from emulator.base.files import own_files, own_folder
from emulator.base.files.data_folder import made
from emulator.base.health import Health
from emulator.base.machine import memory
from emulator.base.machine.descriptors import raise_limit
from emulator.base.notices import Notices
from emulator.base.settings import LIFELINE, Settings
from emulator.base.timing.clock import SystemClock
from emulator.engines.connect import connect
from emulator.engines.engine import Engine
from emulator.engines.images import Progress
from emulator.identity.directory import ADMINISTRATOR
from emulator.server.app import Emulator
from emulator.server.doctor.shortfalls import shortfalls
from emulator.server.provision import announcer, image_request
from emulator.web.access.admission import is_local

_START_LIMIT = 1.5  # seconds that a start has to come to its end once it is not wanted any more
_HURRY_LIMIT = 1.5  # seconds for what still runs, after a second signal
_LEAVE_LIMIT = 2.0  # seconds for threads that hang, once all is stopped
_OVER = b"\0"  # among the numbers of signals


def serve(settings: Settings) -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP: then what runs may finish.

    A second signal ends what still runs, and the process within two seconds; so does the first
    while the server still starts. A third ends it at once. If it has not ended in order by then,
    its exit code is 128 and the signal's number. Containers that are left are the reaper's
    (`engines/docker/reaper.py`), and all else is the next start's: it is as after a crash.

    Raises `DataFolderLost` when there was nothing to serve from any more, and what keeps a server
    from starting: `EngineError` or `StartupError`.
    """
    logging.basicConfig(level=settings.log_level, handlers=[_log_handler()])
    for noisy in ("urllib3", "docker", "peewee", "oauthlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    heard, told = socket.socketpair()
    _listen_to_signals(told)
    if os.environ.pop(LIFELINE, ""):
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    life = _Life(settings, over=lambda: told.send(_OVER))
    threading.Thread(target=life.live, name="server", daemon=True).start()
    _wait(life, heard)
    threading.Thread(target=_leave, args=(bool(life.error),), daemon=True).start()
    if life.error is not None:
        raise life.error


class _Life:
    """A server from its start to its end."""

    def __init__(self, settings: Settings, *, over: Callable[[], object]) -> None:
        """`over` is called at its end, whatever has led to that."""
        self._settings = settings
        self._over = over
        self._enough = threading.Event()
        self._lost = ""
        self._emulator: Emulator | None = None
        self.began = threading.Event()
        """It serves, or has served."""
        self.error: BaseException | None = None
        """What has ended it that should not have."""

    def live(self) -> None:
        try:
            emulator, engine = _build(self._settings, self._give_up)
            memory.keep()
            try:
                emulator.start()
            except BaseException:
                for line in _made_at_first(emulator, is_terminal=False):
                    _say(line)
                raise
            self._emulator = emulator
            self.began.set()
            if self._enough.is_set():
                for line in _made_at_first(emulator, is_terminal=False):
                    _say(line)
            else:
                if warning := openness(self._settings):
                    _say(_red(warning), sys.stderr)
                _welcome(emulator, shortfalls(engine, self._settings.data_dir))
            self._enough.wait()
            emulator.stop(0.0 if self._lost else None)
            if self._lost:
                raise DataFolderLost(self._lost)
        except BaseException as error:
            self.error = error
        finally:
            self._over()

    def end(self) -> None:
        """As soon as it has begun; what runs may finish."""
        self._enough.set()

    def hurry(self) -> None:
        if self._emulator is not None:
            self._emulator.hurry()

    def _give_up(self, reason: str) -> None:
        self._lost = reason
        _say(_red(f"stopping: {reason}"), sys.stderr)
        self._enough.set()


def _wait(life: _Life, heard: socket.socket) -> None:
    """Returns when it is over; ends the process where that takes too long."""
    first = _next(heard, None)
    if first == _OVER:
        return
    if not life.began.is_set():
        _say("stopping: the start is given up")
        life.end()
        late = _next(heard, _START_LIMIT)
        if late == _OVER:
            return
        if late or not life.began.is_set():
            _exit(late or first)
    else:
        _say("stopping: running tasks may finish, others stay queued")
        life.end()
    second = _next(heard, None)
    if second == _OVER:
        return
    _say("stopping: what still runs is ended")
    threading.Thread(target=life.hurry, daemon=True).start()
    third = _next(heard, _HURRY_LIMIT)
    if third != _OVER:
        _exit(third or second)


def _next(heard: socket.socket, limit: float | None) -> bytes:
    """`_OVER`, or a signal's number; empty: nothing has come within `limit` seconds."""
    ready, _, _ = select.select([heard], [], [], limit)
    return heard.recv(1) if ready else b""


def _exit(signal_number: bytes) -> None:
    """The end of this process, whatever its threads do."""
    code = 128 + signal_number[0]
    _say(f"ended at once, with exit code {code}: the next start clears up")
    os._exit(code)


def _leave(failed: bool) -> None:
    """Python waits for threads at its end, which may wait for an engine that hangs."""
    time.sleep(_LEAVE_LIMIT)
    os._exit(1 if failed else 0)


def _build(settings: Settings, give_up: Callable[[str], object]) -> tuple[Emulator, Engine]:
    """A server on this machine's engine, and that engine.

    Raises `EngineUnreachable` or `StartupError`.
    """
    notices = Notices()
    health = Health(clock=SystemClock(), notices=notices)
    connection = connect(os.environ)
    announce = announcer(sys.stderr)
    data = made(settings.data_dir)
    if few := raise_limit():
        announce(Progress(few))
    opened = connection.open(settings, data, announce=announce, health=health)
    emulator = Emulator(
        settings,
        engine=opened.engine,
        image_of=lambda function: opened.images.find(image_request(function)),
        notices=notices,
        health=health,
        give_up=give_up,
    )
    return emulator, opened.engine


def _listen_to_signals(told: socket.socket) -> None:
    """`told` is given the number of each signal that asks for an end from now on, in a byte: also
    when the terminal is closed, SIGHUP.

    A handler that releases a lock would not do: it runs only once the main thread is awake, and a
    signal that comes just before the thread waits would not wake it.
    """
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:  # nohup
            continue
        signal.signal(number, lambda *_, _open=told: None)


def _end_with_stdin() -> None:
    """Stops us when the program that started us and holds our input has gone, killed perhaps."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _log_handler() -> logging.Handler:
    """Lines on stderr: much of them is what functions have said."""

    class Lines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return terminal.shown(super().format(record), sys.stderr)

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


def _say(text: str, stream: TextIO | None = None) -> None:
    """To whoever still listens: the terminal may have gone, which is why we end."""
    with contextlib.suppress(OSError, ValueError):
        terminal.write_line(text, stream or sys.stdout)


def _red(text: str) -> str:
    plain = os.environ.get("NO_COLOR") or not sys.stderr.isatty()
    return text if plain else f"\033[31m{text}\033[0m"


def openness(settings: Settings) -> str:
    """What the start says of who is served without credentials beyond this machine; or nothing."""
    if not settings.open_beyond_loopback:
        return ""
    if settings.auth == "strict":
        return "--open-beyond-loopback means nothing with --auth strict: everybody has to sign in"
    if is_local(settings.host):
        return f"--open-beyond-loopback means nothing here: {settings.host} is loopback alone"
    return (
        f"warning: --open-beyond-loopback: whoever reaches {settings.host} port {settings.port} may"
        " deploy and run functions, without credentials"
    )


def _welcome(emulator: Emulator, without: Sequence[str]) -> None:
    """`without`: what is degraded here, in a few words each."""
    made = _made_at_first(emulator, is_terminal=sys.stdout.isatty())  # before anybody reads on
    strict = emulator.settings.auth == "strict"
    meant = "strict, as the real service" if strict else "open, no credentials needed"
    if not (strict or emulator.settings.open_beyond_loopback or is_local(emulator.settings.host)):
        meant = "open to loopback, no credentials needed; who calls from elsewhere signs in"
    folder = shlex.quote(str(emulator.settings.data_dir))
    lines = [
        f"taskdock {__version__}",
        f"  Task Service  {emulator.url}",
        f"  Data          {emulator.settings.data_dir.resolve()}",
        f"  Sign-in       {meant}",
        f'  Credentials   eval "$(taskdock env --data-dir {folder})"',
        *made,
    ]
    if without:
        lines.append(f"  Degraded      {', '.join(without)}; more: taskdock doctor")
    lines.append("  Stop          Ctrl-C")
    # In one piece: tasks that were queued run already, and each has its line in the log.
    terminal.write_line("\n".join(lines), sys.stdout)


def _made_at_first(emulator: Emulator, *, is_terminal: bool) -> list[str]:
    """What is said at the first start, and where that fails: the next one does not know the
    password any more. It is in a file before this returns, or in the lines.

    `is_terminal`: who reads it is there. A log, such as CI's, is read later, and by others.
    """
    local = emulator.directory.local
    if local.password is None:
        return []
    if is_terminal:
        return [
            "  Made at this first start, and shown only now:",
            f"    e-mail {ADMINISTRATOR}, password {local.password}",
            f"    OAuth2 client id {local.application.client_id},",
            f"      client secret {local.application.client_secret}",
        ]
    file = emulator.settings.data_dir.resolve() / own_folder.ADMINISTRATOR
    values = {
        "EMAIL": ADMINISTRATOR,
        "PASSWORD": local.password,
        "CLIENT_ID": local.application.client_id,
        "CLIENT_SECRET": local.application.client_secret,
    }
    try:
        own_files.write(file, "".join(f"{name}={value}\n" for name, value in values.items()))
    except OSError as error:
        return [
            f"  Administrator {ADMINISTRATOR}; its password is lost: {file} cannot be written,",
            f"                {error.strerror}; it still signs in by: taskdock env",
        ]
    return [
        f"  Administrator {ADMINISTRATOR}, made at this first start;",
        f"                its password and the OAuth2 client are in {file}",
    ]
