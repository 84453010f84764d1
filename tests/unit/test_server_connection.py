"""ServerConnection against servers that behave well or badly, on real sockets."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from taskdock.client.connection import ServerConnection
from taskdock.client.errors import ServerUnreachable, WrongCall


class Echo(BaseHTTPRequestHandler):
    """Answers with the request, over connections that stay open."""

    protocol_version = "HTTP/1.1"
    connections: list[Any]

    def _answer(self) -> None:
        self.connections.append(self.client_address)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = {
            "method": self.command,
            "target": self.path,
            "headers": dict(self.headers),
            "body": body.decode(),
        }
        answer = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def serving() -> Iterator[tuple[ThreadingHTTPServer, list[Any]]]:
    seen: list[Any] = []
    handler = type("EchoHere", (Echo,), {"connections": seen})
    server = ThreadingHTTPServer(("localhost", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server, seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def listening(behave: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that treats its first connection so; its URL."""
    with socket.create_server(("localhost", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    behave(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://localhost:{listener.getsockname()[1]}"
        thread.join()


def url_of(server: ThreadingHTTPServer) -> str:
    return f"http://localhost:{server.server_port}"


def test_calls_share_a_connection_and_a_body_is_json() -> None:
    with serving() as (server, seen):
        connection = ServerConnection(url_of(server))
        for _ in range(3):
            told = connection.call("POST", "/a?b(c)", {"ü": 1})
        connection.close()

    assert len(set(seen)) == 1
    assert (told["method"], told["target"]) == ("POST", "/a?b(c)")
    assert json.loads(told["body"]) == {"ü": 1}
    assert told["headers"]["Content-Type"] == "application/json"


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    with serving() as (server, seen):
        connection = ServerConnection(url_of(server))
        connection.call("GET", "/")
        connection._idle[0].sock.shutdown(socket.SHUT_RDWR)
        told = connection.call("GET", "/again")
        connection.close()

    assert told["target"] == "/again"
    assert len(set(seen)) == 2


def test_characters_that_no_target_has_are_encoded() -> None:
    with serving() as (server, _):
        connection = ServerConnection(url_of(server))
        told = connection.call("GET", "/a b?eq(name,ü#%2520)&x=\r\n")
        connection.close()

    assert told["target"] == "/a%20b?eq(name,%C3%BC%23%2520)&x=%0D%0A"


def test_a_signature_sees_the_url_that_is_sent() -> None:
    signed = []

    def sign(request: Any) -> None:
        signed.append((request.method, request.url))
        request.headers["Authorization"] = "word"

    with serving() as (server, _):
        url = url_of(server)
        connection = ServerConnection(url, sign)
        told = connection.call("GET", "/a b")
        connection.close()

    assert signed == [("GET", f"{url}/a%20b")]
    assert told["headers"]["Authorization"] == "word"


def test_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://localhost:1")
    monkeypatch.setenv("http_proxy", "http://localhost:1")
    with serving() as (server, _):
        connection = ServerConnection(url_of(server))
        assert connection.call("GET", "/")["method"] == "GET"
        connection.close()


def test_a_large_body_that_is_refused_before_it_is_read_has_its_answer() -> None:
    refusal = b'{"code": 9, "name": "TOO_LARGE", "message": "no"}'

    def refuse(connection: socket.socket) -> None:
        connection.recv(1000)
        head = f"HTTP/1.1 413 Too Large\r\nContent-Length: {len(refusal)}\r\n\r\n".encode()
        connection.sendall(head + refusal)
        # What was not read is lost with the connection, which is reset.

    with listening(refuse) as url, pytest.raises(Exception, match=r"no \(9 TOO_LARGE\)"):
        ServerConnection(url).call("POST", "/", {"code": "a" * 20_000_000})


@pytest.mark.parametrize(
    ("behave", "complaint"),
    [
        (lambda c: c.recv(1000), "closed the connection without an answer; was it stopped?"),
        (
            lambda c: (
                c.recv(1000),
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
            ),
            "closed the connection without an answer",
        ),
        (lambda c: (c.recv(1000), c.sendall(b"SSH-2.0-x\r\n")), "answers, but not in HTTP"),
        (
            lambda c: (c.recv(1000), c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")),
            "answers GET /x with HTTP 200, but not as a taskdock server does; is this the right",
        ),
        (
            lambda c: (
                c.recv(1000),
                c.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
            ),
            "answers GET /x with HTTP 302, but not as",
        ),
    ],
)
def test_an_answer_that_is_none_is_told_in_a_sentence(
    behave: Callable[[socket.socket], object], complaint: str
) -> None:
    with listening(behave) as url, pytest.raises(ServerUnreachable) as failure:
        ServerConnection(url, named="from TASKDOCK_URL").call("GET", "/x")

    assert f"{url} (from TASKDOCK_URL)" in failure.value.message
    assert complaint in failure.value.message


def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_was_said() -> None:
    over = threading.Event()
    with listening(lambda _: over.wait(60)) as url:
        with pytest.raises(ServerUnreachable, match=r"did not answer within 0\.05 s"):
            ServerConnection(url).call("GET", "/", seconds=0.05)
        over.set()


def test_https_to_a_server_without_it_says_what_to_type() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(answer) as url:
        secret = url.replace("http", "https")
        with pytest.raises(ServerUnreachable) as failure:
            ServerConnection(secret).call("GET", "/")

    assert f"{secret} does not speak https" in failure.value.message
    assert failure.value.message.endswith(f"taskdock does not: {url}")


def test_what_is_no_json_is_not_sent() -> None:
    with pytest.raises(WrongCall, match="it is no JSON"):
        ServerConnection("http://localhost:1").call("POST", "/", {"a": float("nan")})


# What a command imports. Each of these takes longer than the whole of a command should.

_SLOW = {
    *("requests", "urllib3", "pydantic", "pydantic_core", "oauthlib", "rich", "asyncio"),
    *("watchfiles", "pathspec", "yaml", "docker", "flask", "werkzeug", "peewee"),
    *("concurrent", "logging"),
}


@pytest.mark.parametrize(
    "words",
    [
        ["version"],
        ["--help"],
        ["run", "hello", "-d", "{}"],
        ["tasks", "list"],
        ["tasks", "create", "hello"],
        ["functions", "list"],
        ["logs", "0"],
        ["status"],
        ["clock"],
        ["stop"],
    ],
)
def test_a_command_imports_nothing_slow(words: list[str], tmp_path: Path) -> None:
    script = (
        "import sys; from taskdock.commands import main\n"
        "try: main(sys.argv[1:], standalone_mode=False)\n"
        "except Exception as error: print(type(error).__name__)\n"
        "print('LOADED', *sys.modules)"
    )
    environment = {**os.environ, "TASKDOCK_URL": ":1"}

    told = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    modules = told.stdout.partition("LOADED")[2].split()
    loaded = {name.partition(".")[0] for name in modules}
    assert "click" in loaded, told.stdout + told.stderr
    assert not loaded & _SLOW
    assert ("http.client" in modules) is (words not in (["version"], ["--help"]))


class Interrupted(http.client.HTTPResponse):
    """An answer that is put away the first time when a Ctrl-C comes."""

    was_interrupted = False

    def close(self) -> None:
        super().close()
        if not self.was_interrupted:
            self.was_interrupted = True
            raise KeyboardInterrupt


def test_an_interrupt_while_an_answer_is_put_away_is_not_lost() -> None:
    """Python passes over what is raised where an object ends that nobody has closed."""
    with serving() as (server, _):
        connection = ServerConnection(url_of(server))
        connection.call("GET", "/")
        # Of this one connection: what other tests have left is put away at any time.
        connection._idle[0].response_class = Interrupted

        with pytest.raises(KeyboardInterrupt):
            connection.call("GET", "/")
        assert not connection._idle
