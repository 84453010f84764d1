"""The two listeners: the public one (WSGI on waitress) and the Runtime API's (ASGI on uvicorn).

Two, because their lives differ: the public one has short requests and a pool of threads, the
Runtime API holds one request for each idle container, which costs an event loop nothing.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import threading
from typing import Any

import uvicorn
import waitress.server
from waitress import wasyncore
from waitress.server import BaseWSGIServer

from emulator.errors import StartupError
from emulator.web.malformed import answer_in_json
from emulator.web.peers import share_fairly
from emulator.web.repeated_headers import join_with_commas
from emulator.web.runtime_protocol import RuntimeProtocol

THREADS = 64  # of the public listener; a direct execution or API function holds one for up to 30 s
_BACKLOG = 1024
_CONNECTIONS = 1024  # to the public listener, of all callers together
_LARGEST_BODY = 72 * 1024 * 1024  # bytes; a zip of 50 MB in base64 has 67


def open_public(host: str, port: int, gateway: str) -> list[socket.socket]:
    """Sockets for `host`, and for the address by which containers reach this machine.

    "localhost" means both loopback addresses, since clients differ in which they try. All have the
    same port; 0 lets the system choose it. Raises `StartupError`.
    """
    wanted = ["127.0.0.1", "::1"] if host == "localhost" else [host]
    sockets = [_bind(wanted[0], port)]
    port = sockets[0].getsockname()[1]
    for address in [*wanted[1:], gateway]:
        if address in wanted[:1] or _is_any(host):
            continue
        try:
            sockets.append(_bind(address, port))
        except StartupError:
            if not _is_elsewhere(address):
                for each in sockets:
                    each.close()
                raise
    return sockets


def open_private(gateway: str) -> socket.socket:
    """A socket that only containers reach: on the gateway, or on loopback where the gateway is
    not on this machine (Docker Desktop leads its host names there)."""
    return _bind("127.0.0.1" if _is_elsewhere(gateway) else gateway, 0)


class PublicServer:
    def __init__(self, app: Any, sockets: list[socket.socket]) -> None:
        self._map: dict[int, Any] = {}  # what the loop watches
        server = waitress.server.create_server(
            app,
            map=self._map,
            sockets=sockets,
            threads=THREADS,
            connection_limit=_CONNECTIONS,
            clear_untrusted_proxy_headers=True,
            max_request_body_size=_LARGEST_BODY,
            ident="taskdock",
        )
        self._dispatcher = server.task_dispatcher
        listeners = [each for each in self._map.values() if isinstance(each, BaseWSGIServer)]
        for listener in listeners:
            join_with_commas(listener)
            answer_in_json(listener)
            share_fairly(listener)
        self._listener = listeners[0]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="public", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Also closes the sockets; requests that are under way lose their connection."""
        self._stopping.set()
        if self._thread.is_alive():
            self._listener.pull_trigger()
            self._thread.join()
        wasyncore.close_all(self._map)
        self._dispatcher.shutdown()

    def _serve(self) -> None:
        # waitress' own loop cannot be ended from another thread but by an error.
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1.0, use_poll=True, map=self._map, count=1)


class RuntimeServer:
    def __init__(self, app: Any, listener: socket.socket) -> None:
        self._socket = listener
        self.port: int = listener.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=RuntimeProtocol,
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=1,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="runtime-api", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(5)
        self._socket.close()


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        info = socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0]
        bound = socket.socket(info[0], info[1], info[2])
    except OSError as error:
        raise StartupError(f"cannot serve on {address}: {error}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it: else an answer of two pieces waits 40 ms for the first.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if info[0] == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(info[4])
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise StartupError(
                f"port {port} is in use on {address}; stop what uses it, or choose another with"
                " --port (0 takes a free one)"
            ) from None
        raise StartupError(f"cannot serve on {address} port {port}: {error.strerror}") from None
    return bound


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::")  # noqa: S104 - only compared


def _is_elsewhere(address: str) -> bool:
    """This machine does not have that address."""
    try:
        kind = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(kind) as probe:
            probe.bind((address, 0))
    except (OSError, ValueError):
        return True
    return False
