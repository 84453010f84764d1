"""Docker's API 1.52, as Docker 29 answers it, in front of an older engine.

It has the changes of all versions after 1.41 that concern taskdock's requests, by
https://github.com/moby/moby/blob/master/api/docs/CHANGELOG.md. Fields that are not set are left out
of an image's description, other fields are removed for good, and clients older than 1.44 are
refused. All other answers are the engine's own, also the streams of attached containers.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.unix_http import UnixConnection, read_head

VERSION = (1, 52)
OLDEST = (1, 44)

Json = dict[str, Any]

_REQUEST_LINE = re.compile(rb"^([A-Z]+) (?:/v(\d+)\.(\d+))?(/[^ ]*) HTTP/1\.1\r\n")


def _number(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


# What the answers lack


def image(answer: Json) -> Json:
    """GET /images/{name}/json"""
    config = answer.get("Config") or {}
    gone = (
        *("Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty"),
        *("OpenStdin", "StdinOnce", "Image", "NetworkDisabled", "MacAddress", "StopTimeout"),
    )
    if_empty = (
        *("Cmd", "Entrypoint", "Env", "Labels", "OnBuild", "User", "Volumes", "WorkingDir"),
        *("ArgsEscaped", "ExposedPorts", "Healthcheck", "Shell", "StopSignal"),
    )
    answer["Config"] = _without(config, gone, if_empty)
    return _without(
        answer,
        ("Container", "ContainerConfig", "VirtualSize"),
        ("Parent", "Comment", "DockerVersion", "Author"),
    )


def container(answer: Json) -> Json:
    """GET /containers/{id}/json"""
    network = (
        *("Bridge", "HairpinMode", "LinkLocalIPv6Address", "LinkLocalIPv6PrefixLen"),
        *("SecondaryIPAddresses", "SecondaryIPv6Addresses", "EndpointID", "Gateway"),
        *("GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen", "IPv6Gateway"),
        "MacAddress",
    )
    answer["Config"] = _without(answer["Config"], (), ("OnBuild",))
    answer["NetworkSettings"] = _without(answer["NetworkSettings"], network)
    answer["HostConfig"] = _without(answer["HostConfig"], ("KernelMemory", "KernelMemoryTCP"))
    return answer


def info(answer: Json) -> Json:
    """GET /info"""
    registries = ("AllowNondistributableArtifactsCIDRs", "AllowNondistributableArtifactsHostnames")
    answer["RegistryConfig"] = _without(answer["RegistryConfig"], registries)
    for program in ("ContainerdCommit", "RuncCommit", "InitCommit"):
        answer[program] = _without(answer[program], ("Expected",))
    return _without(
        answer,
        (
            *("KernelMemory", "KernelMemoryTCP", "BridgeNfIptables", "BridgeNfIp6tables"),
            *("ClusterStore", "ClusterAdvertise"),
        ),
    )


def images(answer: list[Json]) -> list[Json]:
    """GET /images/json"""
    return [_without(entry, ("VirtualSize",)) for entry in answer]


def version(answer: Json) -> Json:
    """GET /version"""
    told = {"ApiVersion": _number(VERSION), "MinAPIVersion": _number(OLDEST)}
    for component in answer.get("Components", ()):
        if component["Name"] == "Engine":
            component["Details"] = {**component["Details"], **told}
    return {**answer, **told}


def _without(answer: Json, gone: tuple[str, ...], if_empty: tuple[str, ...] = ()) -> dict[str, Any]:
    left_out = {*gone, *(name for name in if_empty if not answer.get(name))}
    return {name: value for name, value in answer.items() if name not in left_out}


_CHANGES: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    (r"/images/json", images),
    (r"/images/.+/json", image),
    (r"/containers/[^/]+/json", container),
    (r"/info", info),
    (r"/version", version),
)


def change_of(method: str, path: str) -> Callable[[Any], Any] | None:
    """The change to the answer of this request; None: the answer is not changed."""
    bare = path.partition("?")[0]
    found = (change for place, change in _CHANGES if re.fullmatch(place, bare))
    return next(found, None) if method == "GET" else None


# The proxy


@contextlib.contextmanager
def later_api(engine: str, folder: Path) -> Iterator[str]:
    """The address at which the engine at `engine` (`unix://...`) answers so."""
    path = folder / "api.sock"
    real = engine.removeprefix("unix://")
    with _Server(str(path), real) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False  # connections of what is gone are closed by the engine
    request_queue_size = 128

    def __init__(self, path: str, engine: str) -> None:
        super().__init__(path, _Connection)
        self.engine = engine
        with contextlib.closing(UnixConnection(engine)) as connection:
            connection.request("GET", "/_ping")
            self.api = str(connection.getresponse().headers["Api-Version"])


class _Connection(socketserver.BaseRequestHandler):
    """Serves one request, and has the caller make another connection for the next."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # either side may go whenever it likes
            head, begun = read_head(self.request)
            line = _REQUEST_LINE.match(head)
            if line is None:
                return
            asked = (int(line[2]), int(line[3])) if line[2] else VERSION
            if fault := _refusal(asked):
                self._answer(400, json.dumps({"message": fault}).encode())
                return
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(self.server.engine)
                path = line[4].decode()
                rest = head[line.end() :]
                if b"\r\nupgrade:" not in head.lower():
                    rest = b"Connection: close\r\n" + re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
                target = path if path == "/_ping" else f"/v{self.server.api}{path}"
                engine.sendall(line[1] + f" {target} HTTP/1.1\r\n".encode() + rest + begun)
                up = threading.Thread(target=_pump, args=(self.request, engine), daemon=True)
                up.start()
                self._give_back(engine, change_of(line[1].decode(), path))

    def _give_back(self, engine: socket.socket, change: Callable[[Any], Any] | None) -> None:
        if change is None:
            head, begun = read_head(engine)
            head = re.sub(
                rb"(?im)^api-version:.*\r\n", f"Api-Version: {_number(VERSION)}\r\n".encode(), head
            )
            self.request.sendall(head + begun)
            _pump(engine, self.request)
            return
        answer = http.client.HTTPResponse(engine)
        answer.begin()
        body = answer.read()
        if answer.status == 200:
            body = json.dumps(change(json.loads(body))).encode()
        self._answer(answer.status, body)

    def _answer(self, status: int, body: bytes) -> None:
        head = (
            f"HTTP/1.1 {status} {http.client.responses[status]}\r\n"
            f"Api-Version: {_number(VERSION)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.request.sendall(head.encode() + body)


def _refusal(asked: tuple[int, int]) -> str | None:
    """The reason, in the engine's words, why a client of this version is refused."""
    if asked < OLDEST:
        return (
            f"client version {_number(asked)} is too old. Minimum supported API version is"
            f" {_number(OLDEST)}, please upgrade your client to a newer version"
        )
    if asked > VERSION:
        return (
            f"client version {_number(asked)} is too new."
            f" Maximum supported API version is {_number(VERSION)}"
        )
    return None


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(1 << 16):
            target.sendall(some)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
