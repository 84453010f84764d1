"""Finds the Docker Engine of this machine; knows where engines listen, not how to use one.

`python -m taskdock.engines.docker.locate` prints the address, or says why there is none: exit 10,
or 11 where another engine than this machine's own was asked for, so that starting one is no help.
Python itself has no such statuses: a Python which cannot do it is told from a missing engine.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from taskdock.base.errors import EngineUnreachable
from taskdock.base.files import user_folders

PING_SECONDS = 2.0
_NOWHERE = Path("/nonexistent")  # Debian's word for the home of who has none
HTTP_PORT = 2375  # where an engine listens on TCP when its address names no port

_HERE = "taskdock needs an engine on this machine, at unix:// or tcp://"
_START_ONE, _ASKED_ELSEWHERE = 10, 11  # no status of Python itself


class SystemSockets(NamedTuple):
    """The addresses at which the engines of this machine's packages listen."""

    docker: Path = Path("/var/run/docker.sock")
    podman: Path = Path("/run/podman/podman.sock")


SYSTEM = SystemSockets()


class EngineAddress(NamedTuple):
    """One address where an engine may listen, and who says so."""

    source: str
    address: str
    fault: str = ""  # what is wrong with it, where that is known without asking
    undo: str = ""  # of an order: the command that takes it back; no other address is tried


def find_engine(environment: Mapping[str, str], system: SystemSockets = SYSTEM) -> str:
    """The address of the first engine that answers, such as unix:///var/run/docker.sock.

    DOCKER_HOST and the current docker context are orders, as they are to the docker command: where
    there is one, no other address is tried. Raises `EngineUnreachable`, with each place's fault.
    """
    tried = [str(EngineUnreachable())]
    for candidate in addresses(environment, system):
        fault = candidate.fault or ping(candidate.address)
        if fault is None:
            return candidate.address
        tried.append(f"  {candidate.address} ({candidate.source}): {fault}")
        if candidate.undo:
            tried.append(f"  No other engine is looked for. Start that one, or: {candidate.undo}")
    raise EngineUnreachable("\n".join(tried))


def addresses(
    environment: Mapping[str, str], system: SystemSockets = SYSTEM
) -> Iterator[EngineAddress]:
    """The addresses to try, in order."""
    home = user_folders.home(environment) or _NOWHERE
    order = _docker_host(environment) or _context(environment, home)
    if order is not None:
        yield order
        return
    for source, path in _usual_sockets(environment, home, system):
        yield EngineAddress(source, f"unix://{path}")


def ping(address: str, limit: float = PING_SECONDS) -> str | None:
    """None if an engine answers at `address`; otherwise what is wrong there, in a few words.
    `limit`: seconds for each step."""
    try:
        line = connection(address, limit)
    except ValueError as error:
        return str(error)
    try:
        line.request("GET", "/_ping")
        with line.getresponse() as answer:
            body = answer.read(100)
    except (OSError, http.client.HTTPException) as error:
        return fault(error, limit)
    finally:
        line.close()
    if answer.status == http.client.OK and body.strip() == b"OK":
        return None
    return f"something answers, but not an engine (HTTP status {answer.status})"


def _docker_host(environment: Mapping[str, str]) -> EngineAddress | None:
    host = environment.get("DOCKER_HOST")
    if not host:
        return None
    address = host if "://" in host else f"tcp://{host}"
    secured = bool(environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS"))
    return EngineAddress("DOCKER_HOST", address, _secured(address, secured), "unset DOCKER_HOST")


def _context(environment: Mapping[str, str], home: Path) -> EngineAddress | None:
    """The endpoint of the docker command's current context, as the docker command keeps it."""
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    named = environment.get("DOCKER_CONTEXT")
    name = named or _read(folder / "config.json", "currentContext")
    if not name or name == "default":
        return None
    undo = "unset DOCKER_CONTEXT" if named else "docker context use default"
    source = f"docker context {name}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    contexts = folder / "contexts"
    address = _read(contexts / "meta" / digest / "meta.json", "Endpoints", "docker", "Host")
    if not address:
        return EngineAddress(source, "no address", f"there is no such context in {contexts}", undo)
    keys = contexts / "tls" / digest / "docker"
    return EngineAddress(source, address, _secured(address, keys.is_dir()), undo)


def _secured(address: str, secured: bool) -> str:
    """The fault of an address that is spoken to with TLS; a Unix socket never is."""
    if secured and not address.startswith("unix://"):
        return f"TLS cannot be used here; {_HERE}"
    return ""


def _read(path: Path, *keys: str) -> str:
    """The text under `keys` in a JSON file; empty if the file or the text is not there."""
    try:
        value = json.loads(path.read_text())
        for key in keys:
            value = value[key]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return value if isinstance(value, str) else ""


def _usual_sockets(
    environment: Mapping[str, str], home: Path, system: SystemSockets
) -> Iterator[tuple[str, Path]]:
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    colima = Path(environment.get("COLIMA_HOME") or home / ".colima")
    yield "Docker", system.docker
    yield "Docker Desktop", home / ".docker" / "run" / "docker.sock"
    yield "Docker Desktop", home / ".docker" / "desktop" / "docker.sock"
    yield "rootless Docker", runtime / "docker.sock"
    yield "Colima", colima / "default" / "docker.sock"
    yield "Colima", home / ".config" / "colima" / "default" / "docker.sock"
    yield "Rancher Desktop", home / ".rd" / "docker.sock"
    yield "rootless Podman", runtime / "podman" / "podman.sock"
    yield "Podman", system.podman


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection(address: str, timeout: float) -> http.client.HTTPConnection:
    """For plain requests to the engine at `address`; `timeout` in seconds, for each step.

    Raises `ValueError`, with what is wrong with the address.
    """
    scheme, _, rest = address.partition("://")
    if scheme == "unix":
        return _UnixConnection(rest, timeout)
    if scheme in ("tcp", "http"):
        parts = urlsplit(f"//{rest}")
        if not parts.hostname:
            raise ValueError("the address names no host")
        return http.client.HTTPConnection(parts.hostname, parts.port or HTTP_PORT, timeout=timeout)
    raise ValueError(f"{scheme}:// addresses cannot be used here; {_HERE}")


def fault(error: Exception, limit: float = PING_SECONDS) -> str:
    """The reason why a connection to an engine fails, in a few words. `limit`: the seconds that it
    had."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return "no such socket"
        case PermissionError():
            return "permission denied"
        case ConnectionRefusedError():
            return "nobody listens there"
        case TimeoutError():
            return f"no answer within {limit:g} seconds"
        case http.client.HTTPException():
            return "something answers, but not in HTTP"
    return str(error) or type(error).__name__


def main(system: SystemSockets = SYSTEM) -> int:
    try:
        print(find_engine(os.environ, system))
    except EngineUnreachable as error:
        print(error.message, file=sys.stderr)
        # An order that leads to the very socket of this machine's engine is no other engine.
        usual = f"unix://{system.docker}"
        candidates = addresses(os.environ, system)
        elsewhere = any(one.undo and one.address != usual for one in candidates)
        return _ASKED_ELSEWHERE if elsewhere else _START_ONE
    return 0


if __name__ == "__main__":
    sys.exit(main())
