"""Runs a WSGI application on threads, behind a server that reads requests whole.

The application sees requests as they were sent: the raw URI, which signatures cover
(`REQUEST_URI`), and repeated headers joined with a bare comma. WSGI cannot tell X_Wood from X-Wood,
so it gets only names without an underscore; `HEADERS` has all of them, for what passes them on.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import thread_time  # for what a call costs
from typing import Any, TypeVar

from taskdock.web.http.messages import Reply, Request

T = TypeVar("T")

HEADERS = "taskdock.headers"
"""The key of all headers as they came, `messages.Headers`: names in lower case, in their order."""
PEER = "taskdock.peer"
"""The key of the sender, a `Peer`."""
JUDGED = "taskdock.judged"
"""The key of `Request.known`, a dictionary: it has `authentication.CALLER` once the request is
signed in. A signature counts once, and a request may be judged twice: before its body is read, and
with it."""
THREADS = 64  # a direct execution or API function holds one for up to 30 s

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Wsgi:
    def __init__(self, app: Application) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(THREADS, "web")
        self._calls: set[Future[Any]] = set()  # that are under way

    def reply(self, request: Request) -> asyncio.Future[Reply]:
        """The application's reply. The future raises what the application raises."""
        return self.run(self._call, environ_of(request))

    def timed_reply(self, request: Request) -> asyncio.Future[tuple[Reply, float]]:
        """Also the seconds of processor time that it has taken."""
        return self.run(self._timed_call, environ_of(request))

    def run(self, work: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """The result of `work`, which is called on one of the threads."""
        call = self._threads.submit(work, *arguments)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return asyncio.wrap_future(call)

    def stop(self, limit: float) -> None:
        """Returns when no call is under way any more, or after `limit` seconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        wait(self._calls.copy(), limit)

    def _timed_call(self, environ: dict[str, Any]) -> tuple[Reply, float]:
        begun = thread_time()
        reply = self._call(environ)
        return reply, thread_time() - begun

    def _call(self, environ: dict[str, Any]) -> Reply:
        status, headers = 500, []

        def start(line: str, given: list[tuple[str, str]], _: object = None) -> None:
            nonlocal status, headers
            status, headers = int(line[:3]), given

        pieces = self._app(environ, start)
        try:
            body = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        return Reply(status, body, headers)


def environ_of(request: Request) -> dict[str, Any]:
    """The environment of a request: https://peps.python.org/pep-3333/"""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": request.target.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": request.server[0],
        "SERVER_PORT": str(request.server[1]),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": request.peer.address,
        "REMOTE_PORT": str(request.peer.port),
        HEADERS: request.headers,
        PEER: request.peer,
        JUDGED: request.known,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in request.headers:
        key = name.decode("latin-1").upper().replace("-", "_")
        if "_" in name.decode("latin-1") or key == "TRANSFER_ENCODING":
            continue  # it would look like another; the body is whole
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        # RFC 6265, 5.4: cookies are one list
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text
    environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ
