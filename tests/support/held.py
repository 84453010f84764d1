"""An engine that holds one request back, or the answer to one request."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.support.unix_http import read_head

LIMIT = 60.0  # seconds that a request is held at most


class Held:
    def __init__(self, request: str, *, answer: bool) -> None:
        self.address: str
        """The address of the engine with the held request."""
        self.met = threading.Event()
        """The request is held."""
        self.released = threading.Event()
        """To be set: let it go on."""
        self.done = threading.Event()
        """The engine has answered it."""
        self._request = re.compile(request)
        self._answer = answer
        self._lock = threading.Lock()

    def takes(self, line: str) -> bool:
        with self._lock:
            found = not self.met.is_set() and self._request.match(line) is not None
            if found and not self._answer:
                self.met.set()
            return found

    def before(self) -> None:
        """On the way to the engine."""
        if not self._answer:
            self.released.wait(LIMIT)

    def behind(self) -> None:
        """The engine has answered."""
        self.done.set()
        self.met.set()
        self.released.wait(LIMIT)


@contextlib.contextmanager
def held(engine: str, folder: Path, request: str, *, answer: bool = False) -> Iterator[Held]:
    """`engine`: such as `unix://...`. `request`: a pattern for the first line of that which is
    held, the first of its kind. `answer`: its answer is held."""
    found = Held(request, answer=answer)
    path = folder / "held.sock"
    found.address = f"unix://{path}"
    with _Server(str(path), engine.removeprefix("unix://"), found) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            found.released.set()
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False  # connections of what is gone are closed by the engine
    request_queue_size = 128

    def __init__(self, path: str, engine: str, held: Held) -> None:
        super().__init__(path, _Connection)
        self.engine = engine
        self.held = held


class _Connection(socketserver.BaseRequestHandler):
    """Serves one request, and has the caller make another connection for the next."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # either side may go whenever it likes
            head, begun = self._read_request()
            line, _, rest = head.partition(b"\r\n")
            held = self.server.held if self.server.held.takes(line.decode()) else None
            if held:
                held.before()
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(self.server.engine)
                rest = re.sub(rb"(?im)^connection:.*\r\n", b"", rest)
                engine.sendall(line + b"\r\nConnection: close\r\n" + rest + begun)
                threading.Thread(target=_pump, args=(self.request, engine), daemon=True).start()
                answered = engine.recv(1 << 16)
                if held:
                    held.behind()
                self.request.sendall(answered)
                _pump(engine, self.request)

    def _read_request(self) -> tuple[bytes, bytes]:
        """The head and, where its length is known, the whole body: a caller that is killed while
        its request is held has sent all of it."""
        head, body = read_head(self.request)
        found = re.search(rb"(?im)^content-length: *(\d+)", head)
        missing = int(found[1]) - len(body) if found else 0
        while missing > 0:
            some = self.request.recv(min(missing, 1 << 16))
            if not some:
                raise ConnectionResetError("no whole body")
            body += some
            missing -= len(some)
        return head, body


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(1 << 16):
            target.sendall(some)
