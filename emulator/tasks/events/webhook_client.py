"""Webhooks: which URLs may be one, and the POST of a JSON body to it. Knows no event.

Which addresses are called is `tasks.reach`'s to say. Names are looked up anew for each call, all
that a name means is checked, and the address that was connected to is checked again before
anything is sent; redirects are not followed.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import re
import socket
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from taskdock import __version__
from taskdock.base.errors import BadField
from taskdock.tasks.events.reach import Reach

LIMIT = 5.0  # seconds for a whole call
_MIN_LIMIT = 0.1  # seconds of them that are left when a name took nearly all

_LOOK_UPS = threading.BoundedSemaphore(4)
"""Names that are looked up at a time for who subscribes: each may take the system half a minute,
and holds a thread that answers requests."""
_PATIENCE = 1.0  # seconds that one more waits for its turn

_URL = re.compile(r"http://[!-~]{1,2000}")


class Refused(OSError):
    """This server does not call what the URL leads to; nothing was sent."""


class _Target(NamedTuple):
    host: str
    port: int
    netloc: str
    path: str


class WebhookClient:
    """Makes one call at a time; other threads may end it."""

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._connected: socket.socket | None = None
        self.status: int | None = None
        """The HTTP status of the latest call's answer; None: there was none."""
        self._looked_up: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def post(self, url: str, body: bytes, reach: Reach) -> str | None:
        """Posts JSON; None: it was accepted, with a status of 2xx; else why not.

        Raises `Refused`.
        """
        self.status = None
        late, no_answer = threading.Event(), f"no answer within {self._limit:g} s"
        begun = time.monotonic()
        try:
            target = _target(url)
            addresses = self._look_up(target, reach)
            left = max(self._limit - (time.monotonic() - begun), _MIN_LIMIT)
            with contextlib.closing(_connect(target, addresses, left)) as connection:
                _check_peer(connection, target, reach)
                self._connected = connection.sock
                # No timeout of a socket ends an answer that comes byte by byte.
                cut = threading.Timer(left, self._expire, (late,))
                cut.start()
                try:
                    status = _send(connection, target, body)
                finally:
                    cut.cancel()
        except Refused:
            raise
        except (OSError, ValueError, http.client.HTTPException, BadField) as error:
            timed_out = late.is_set() or isinstance(error, TimeoutError)
            return no_answer if timed_out else str(error) or type(error).__name__
        if late.is_set():
            return no_answer
        self.status = status
        return None if 200 <= status < 300 else f"HTTP status {status}"

    def hang_up(self) -> None:
        """The call that is under way, if there is one, fails now."""
        self._looked_up.put(OSError("it was ended"))
        if self._connected is not None:
            with contextlib.suppress(OSError):
                self._connected.shutdown(socket.SHUT_RDWR)

    def _look_up(self, target: _Target, reach: Reach) -> list[str]:
        """As `_addresses`. The system's own limit for a name is half a minute, and nothing ends
        it sooner, so it is waited for apart. Raises also `TimeoutError`."""
        answer = self._looked_up = queue.SimpleQueue()

        def ask() -> None:
            try:
                answer.put(_addresses(target, reach))
            except Exception as error:
                answer.put(error)

        threading.Thread(target=ask, name="webhook-name", daemon=True).start()
        try:
            found = answer.get(timeout=self._limit)
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(found, Exception):
            raise found
        return found

    def _expire(self, late: threading.Event) -> None:
        late.set()
        self.hang_up()


def check(url: str, reach: Reach) -> None:
    """Raises `BadField` for what is no http URL, or one that leads where it may not."""
    target = _target(url)
    _take_turn(f"url: {target.host}")
    try:
        _addresses(target, reach)
    except (OSError, ValueError) as error:  # ValueError: a name with impossible parts
        why = getattr(error, "strerror", None) or error
        raise BadField(f"url: {target.host}: {why}") from None
    finally:
        _LOOK_UPS.release()


def looked_up(host: str) -> list[str]:
    """The addresses of a name; none where it means nothing. Raises `BadField` where there is no
    turn for it."""
    _take_turn(host)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return []
    finally:
        _LOOK_UPS.release()
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _take_turn(what: str) -> None:
    if not _LOOK_UPS.acquire(timeout=_PATIENCE):
        raise BadField(f"{what}: other names are being looked up, which takes long; try again")


def _target(url: str) -> _Target:
    problem = "url: has to be http://HOST[:PORT][/PATH], in ASCII and without a password"
    try:
        parts = urlsplit(url)
        port = 80 if parts.port is None else parts.port
    except ValueError:
        raise BadField(problem) from None
    if not _URL.fullmatch(url) or not parts.hostname or "@" in parts.netloc:
        raise BadField(problem)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(parts.hostname, port, parts.netloc, path)


def _addresses(target: _Target, reach: Reach) -> list[str]:
    """The addresses of the host. Raises `OSError` where its name means nothing, and `Refused` where
    any of its addresses may not be called."""
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    for address in addresses:
        _check(address, target.port, reach)
    return addresses


def _check(address: str, port: int, reach: Reach) -> None:
    refusal = reach.refusal(address, port)
    if refusal is not None:
        raise Refused(refusal)


def _check_peer(connection: http.client.HTTPConnection, target: _Target, reach: Reach) -> None:
    """The address that answered has to pass the same check as the one that was asked for.

    Raises `Refused`.
    """
    _check(str(connection.sock.getpeername()[0]), target.port, reach)


def _connect(target: _Target, addresses: Sequence[str], limit: float) -> http.client.HTTPConnection:
    problem: OSError = OSError(f"{target.host} has no address")
    for address in addresses:
        connection = http.client.HTTPConnection(address, target.port, timeout=limit)
        try:
            connection.connect()
        except OSError as error:
            problem = error
        else:
            return connection
    raise problem


def _send(connection: http.client.HTTPConnection, target: _Target, body: bytes) -> int:
    headers = {
        "Host": target.netloc,
        "Content-Type": "application/json",
        "User-Agent": f"taskdock/{__version__}",
    }
    connection.request("POST", target.path, body, headers)
    return connection.getresponse().status
