"""A real registry on this machine, images that are made in it by hand, and a bad line to it.

The registry is Debian's docker-registry, which `scripts/test-needs` fetches. Images are put into
the registry over its HTTP API, so that the engine has no part of them before it pulls.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from taskdock.engines.docker.locate import ping
from taskdock.testing.waiting import eventually
from tests.support.live import REPOSITORY

Json = dict[str, Any]

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_PIECE = 65536
_CLONE_NEWNET = 0x40000000


class Registry:
    """`with Registry(folder) as registry:` serves at `registry.host`, which has host and port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Registry:
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "config.json"  # JSON is YAML
        config.write_text(
            json.dumps(
                {
                    "version": 0.1,
                    "log": {"level": "error"},
                    "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}},
                    "http": {"addr": self.host},
                }
            )
        )
        self._log = (self._folder / "log").open("w")
        self._process = subprocess.Popen(
            [program(), "serve", str(config)], stdout=self._log, stderr=self._log
        )
        try:
            eventually(self._answers, "the registry answers", within=30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        with contextlib.suppress(requests.ConnectionError):
            return _session().get(f"http://{self.host}/v2/", timeout=5).ok
        return False

    def push(
        self,
        name: str,
        tag: str = "1",
        *,
        size: int = 1000,
        architecture: str = "amd64",
        layers: int = 1,
        listed: bool = False,
    ) -> str:
        """Makes an image of `size` random bytes in each layer; returns its digest.

        `listed`: behind a list of one, as images for several architectures have it.
        """
        blobs = [_layer(size) for _ in range(layers)]
        config: Json = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(blob) for blob in blobs]},
        }
        document = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._put(name, document, "application/vnd.docker.container.image.v1+json"),
            "layers": [
                self._put(name, blob, "application/vnd.docker.image.rootfs.diff.tar")
                for blob in blobs
            ],
        }
        digest = self._tag(name, tag, manifest)
        if listed:
            described = {
                "mediaType": _MANIFEST,
                "size": len(json.dumps(manifest).encode()),
                "digest": digest,
                "platform": {"architecture": architecture, "os": "linux"},
            }
            listing = {"schemaVersion": 2, "mediaType": _LIST, "manifests": [described]}
            digest = self._tag(name, tag, listing)
        return digest

    def _tag(self, name: str, tag: str, manifest: Json) -> str:
        document = json.dumps(manifest).encode()
        url = f"http://{self.host}/v2/{name}/manifests/{tag}"
        headers = {"Content-Type": manifest["mediaType"]}
        _session().put(url, data=document, headers=headers, timeout=30).raise_for_status()
        return _digest(document)

    def _put(self, name: str, blob: bytes, kind: str) -> Json:
        session, digest = _session(), _digest(blob)
        begun = session.post(f"http://{self.host}/v2/{name}/blobs/uploads/", timeout=30)
        begun.raise_for_status()
        place = begun.headers["Location"]
        done = session.put(place, params={"digest": digest}, data=blob, timeout=60)
        done.raise_for_status()
        return {"mediaType": kind, "size": len(blob), "digest": digest}


@dataclass
class Fault:
    """A fault of the line. Its bytes are counted over all that came from the registry."""

    delay: float = 0.0  # seconds until a request is passed on
    pace: float = 0.0  # seconds between two pieces of 64 kB of an answer
    stalls_after: int | None = None  # bytes; nothing comes any more then
    cut_after: int | None = None  # bytes; the connection ends then
    times: int = 1  # how often it stalls or is cut


class Line:
    """`with Line(port) as line:` leads from `line.host` to a port of this machine, with a fault.

    To an HTTP client it can also be a proxy: a server understands what is sent to one.
    """

    def __init__(
        self,
        to: int,
        fault: Fault | None = None,
        *,
        port: int = 0,
        listener: socket.socket | None = None,
    ) -> None:
        self.fault = fault or Fault()
        self.passed = 0
        self.asked: list[str] = []
        """The first lines of all requests that came."""
        self._to = to
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = listener or socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Line:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """From now on, it refuses."""
        self._over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for end in self._open:
                _end(end)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                return
            with self._lock:
                self._open |= {near, far}
            for pump in (self._ask, self._answer):
                threading.Thread(target=self._pump, args=(pump, near, far), daemon=True).start()

    def _pump(self, pump: Any, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            pump(near, far)
        _end(near)
        _end(far)

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        while piece := near.recv(_PIECE):
            self.asked.append(piece.split(b"\r\n", 1)[0].decode("latin-1"))
            self._over.wait(self.fault.delay)
            far.sendall(piece)

    def _answer(self, near: socket.socket, far: socket.socket) -> None:
        while piece := far.recv(_PIECE):
            room = self._room(len(piece))
            near.sendall(piece[:room])
            if room < len(piece):
                if self.fault.stalls_after is not None:
                    self._over.wait()
                return
            self._over.wait(self.fault.pace)

    def _room(self, size: int) -> int:
        """The number of bytes that may pass now."""
        fault = self.fault
        with self._lock:
            limit = fault.stalls_after if fault.cut_after is None else fault.cut_after
            if limit is None or fault.times == 0 or self.passed + size <= limit:
                self.passed += size
                return size
            room = max(limit - self.passed, 0)
            self.passed = 0
            fault.times -= 1
            return room


def program() -> str:
    """The registry's program. It is fetched where it is missing; that fails where it cannot be."""
    needs = subprocess.run(
        [str(REPOSITORY / "scripts" / "test-needs")], capture_output=True, text=True, check=False
    )
    assert needs.returncode == 0, needs.stderr
    return needs.stdout.strip()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def engine_behind_proxy(to: int, *options: str) -> Iterator[tuple[str, Line]]:
    """A Docker Engine of one's own that reaches nothing but an HTTP proxy: its address, and the
    proxy, which is a line to a port of this machine.

    It has a network name space of its own: in ours, it would take the other engine's bridge away.
    """
    folder = Path(tempfile.mkdtemp(prefix="engine-"))  # of a short name: sockets are made in it
    command = [
        *("dockerd", "--bridge=none", "--iptables=false", f"--data-root={folder}/data"),
        *(f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"),
        *("-H", f"unix://{folder}/docker.sock", *options),
    ]
    begin = 'ip link set lo up && echo up && read HTTP_PROXY && export HTTP_PROXY && exec "$@"'
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["unshare", "-n", "-m", "sh", "-c", begin, "sh", *command],
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "up\n", log.read_text()
        with Line(to, listener=_listener_in(process.pid)) as proxy:
            print(f"http://{proxy.host}", file=process.stdin, flush=True)

            def answers() -> bool:
                assert process.poll() is None, log.read_text()[-2000:]
                return ping(f"unix://{folder}/docker.sock") is None

            eventually(answers, "the engine answers", within=60)
            yield f"unix://{folder}/docker.sock", proxy
    finally:
        process.terminate()
        process.wait(60)
        process.stdin.close()
        process.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


def _listener_in(pid: int) -> socket.socket:
    """Listens on loopback in the network name space of a process: where a socket was made counts,
    and only the thread that makes it has to go there."""
    libc = ctypes.CDLL(None, use_errno=True)
    made: list[socket.socket] = []

    def make() -> None:
        with open(f"/proc/{pid}/ns/net") as space:
            if libc.setns(space.fileno(), _CLONE_NEWNET) == 0:
                made.append(socket.create_server(("127.0.0.1", 0)))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert made, "the thread could not go into the name space"
    return made[0]


def _layer(size: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo("content")
        entry.size = size
        archive.addfile(entry, io.BytesIO(os.urandom(size)))
    return file.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy stands before this machine
    return session


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
