"""The reaper: a small process that outlives a server that was killed, and removes what it left.

A container that has started ends by itself when its server does. One that was created and never
started, or whose start was under way, does not: nobody but the engine knows of it. So a child of
the server waits for the end of its input, whose other end only the server has. The child is a shell
while it waits, since a Python or a fork of the server takes many times its memory. It becomes a
Python when there is something to do, and that needs the standard library alone, so it is the same
wherever taskdock is installed. It has a session of its own, so a signal to the server's process
group leaves it. Where it is ended too, as at the end of a whole control group, its work is left to
the next start on the same data folder.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import NamedTuple
from urllib.parse import quote

from taskdock.base.health import Health
from taskdock.base.resources import IMPORT, PACKAGE
from taskdock.base.timing.clock import SystemClock
from taskdock.engines.docker.locate import connection

LABEL = "dev.taskdock.run"
"""The label's value is one run of one server: a server that is started again on the same data
folder has containers of its own while those of an earlier run are removed."""
REAPER = "reaper"
"""The trouble's name in `Health`."""
_WITHOUT = "no process can be started that removes containers should this server be killed"
_PAUSE = 0.25  # seconds between two looks
_GRACE = 2.0  # seconds in which containers that run may end by themselves
_QUIET = 4.0  # seconds without any container after which none is expected to come
_LIMIT = 30.0  # seconds that all this may take
_PATIENCE = 10.0  # seconds for one answer of the engine's
_REMOVALS = 8  # side by side
_CLOSE_LIMIT = 1.0  # seconds
_ENDS_ITSELF = ("running", "restarting", "removing")
_FAULTS = (OSError, http.client.HTTPException, ValueError, TypeError, KeyError)
"""The errors that an engine which is going away may cause."""

_WAIT = "trap '' INT TERM HUP; read -r over || exec \"$@\""
"""A line ends it; the end of the input without one lets it begin."""
_BEGIN = f"{IMPORT} from taskdock.engines.docker.reaper import reap; reap(*sys.argv[1:])"


class Reaper:
    def __init__(self, address: str, run: str, health: Health | None = None) -> None:
        """`address`: the engine's, such as unix:///var/run/docker.sock. `run`: a word that no other
        server has. `health`: hears that there is none."""
        self._health = health or Health()
        self.labels = {LABEL: run}
        """The labels of all containers that the reaper is to remove."""
        self._command = (
            *("/bin/sh", "-c", _WAIT, "taskdock-reaper"),
            *(sys.executable, "-I", "-S", "-B", "-c", _BEGIN, PACKAGE),
            *(address, f"{LABEL}={run}"),
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def watch(self) -> None:
        """To be called before a container is created, on any thread. Quick but for the first time.
        Where no process can be started, there is none, and it is tried again the next time."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._end()
                try:
                    self._process = subprocess.Popen(
                        self._command,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        start_new_session=True,
                        cwd="/",
                    )
                except OSError as error:
                    self._health.report(REAPER, f"{_WITHOUT}: {error}", degraded=True)
                else:
                    self._health.clear(REAPER)

    def close(self) -> None:
        """Ends it: the server has removed its containers itself. Closing again is harmless."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(b"\n", timeout=_CLOSE_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


# In the reaper's own process


class _Leftover(NamedTuple):
    id: str
    state: str  # in the engine's word


def reap(address: str, label: str) -> None:
    """Removes all containers with this label, as long as there are or may come any."""
    clock = SystemClock()
    begun = now = clock.monotonic()
    quiet: float | None = None  # since when there has been none
    while now < begun + _LIMIT and (quiet is None or now < quiet + _QUIET):
        try:
            found = _look(address, label)
        except _FAULTS:  # it may be starting again
            quiet = None
        else:
            quiet = None if found else quiet or now
            _remove(address, due(found, now - begun))
        sleep(_PAUSE)
        now = clock.monotonic()


def due(found: Iterable[tuple[str, str]], since: float) -> list[str]:
    """Ids of what is to be removed, of containers with their states, `since` seconds after the
    server's end."""
    return [id for id, state in found if since >= _GRACE or state not in _ENDS_ITSELF]


def _remove(address: str, ids: Iterable[str]) -> None:
    """Removes what can be removed; the next look finds the rest."""
    with ThreadPoolExecutor(_REMOVALS) as removers:
        for id in ids:
            removers.submit(_ask, address, "DELETE", f"/containers/{id}?force=1&v=1")


def _look(address: str, label: str) -> list[_Leftover]:
    """Raises one of `_FAULTS`."""
    filters = quote(json.dumps({"label": [label]}))
    containers = json.loads(_ask(address, "GET", f"/containers/json?all=1&filters={filters}"))
    return [_Leftover(one["Id"], one["State"]) for one in containers]


def _ask(address: str, method: str, path: str) -> bytes:
    """The engine's answer, be it a refusal. Raises one of `_FAULTS`."""
    with contextlib.closing(connection(address, _PATIENCE)) as line:
        line.request(method, path)
        return line.getresponse().read()
