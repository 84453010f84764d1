"""Hook: a web server on this machine that receives the calls of a webhook."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[[BaseHTTPRequestHandler], None]


def accept(request: BaseHTTPRequestHandler) -> None:
    answer(request, 204)


def answer(request: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()


class Hook:
    """`with Hook() as hook:` listens at `hook.url`; `behaviours` are those of the next calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.behaviours: list[Behaviour] = []
        self.ended = threading.Event()
        """Set when the test is over: what hangs may end."""
        hook = self

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.headers.append(dict(self.headers))
                hook.paths.append(self.path)
                hook.calls.append(json.loads(body))
                (hook.behaviours.pop(0) if hook.behaviours else accept)(self)

            def log_message(self, format: str, *args: Any) -> None:
                """A test's output is not the place for a line per request."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://localhost:{self._server.server_port}/told?by=taskdock"

    def __enter__(self) -> Hook:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hang(self, request: BaseHTTPRequestHandler) -> None:
        self.ended.wait(60)

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """An answer that comes byte by byte, each in time."""
        request.wfile.write(b"HTTP/1.1 200 ")
        while not self.ended.wait(0.02):
            try:
                request.wfile.write(b"O")
                request.wfile.flush()
            except OSError:
                return
