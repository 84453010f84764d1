"""DNS rebinding: a page whose name leads to this machine, against both APIs in both modes."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from taskdock.base.errors import StartupError
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.browser import opened
from tests.support.builders import Dock, StartDock

EVIL = "evil.example"
APPLICATIONS = "/auth/v2/applications"
LAMBDA = "/2015-03-31/functions"
PATHS = (
    "/",
    "/health",
    "/status",
    "/docs",
    "/openapi.json",
    APPLICATIONS,
    "/tasks/v1/",
    "/tasks/v1/functions/",
    "/tasks/v1/api/walnut-table/",
    "/users/v1/me",
    "/nowhere",
    LAMBDA,
    f"{LAMBDA}/walnut-table/invocations",
    "/2017-03-31/tags/x",
)

Answer = tuple[int, dict[str, str], Any]


def say(dock: Dock, head: str, body: bytes = b"", *, address: str = "127.0.0.1") -> Answer:
    """Status, headers (names in lower case) and JSON that come back for lines as they are."""
    with socket.create_connection((address, dock.emulator.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*head.splitlines(), "", ""]).encode("latin-1") + body)
        connection.shutdown(socket.SHUT_WR)
        came = b"".join(iter(lambda: connection.recv(65536), b""))
    first, _, content = came.partition(b"\r\n\r\n")
    line, *lines = first.decode("latin-1").split("\r\n")
    headers = dict(each.lower().split(": ", 1) for each in lines)
    return int(line.split()[1]), headers, json.loads(content) if content else None


def answers(event: Any, runtime: FakeRuntime) -> Any:
    return {"statusCode": 200, "body": "walnut"}


@pytest.mark.parametrize("auth", ["open", "strict"])
def test_no_endpoint_serves_a_foreign_host(start_dock: StartDock, auth: str) -> None:
    dock = start_dock(auth=auth)

    for path in PATHS:
        for method in ("GET", "POST", "OPTIONS"):
            lines = f"{method} {path} HTTP/1.1\nHost: {EVIL}:8080\nContent-Length: 0"
            status, headers, said = say(dock, lines)

            assert status == 421, (method, path)
            assert headers["content-type"] == "application/json"
            assert "--allowed-host" in json.dumps(said)
            assert EVIL in json.dumps(said)


def test_each_api_refuses_a_foreign_host_in_its_own_shape(shared: Dock) -> None:
    _, _, service = say(shared, f"GET {APPLICATIONS} HTTP/1.1\nHost: {EVIL}")
    _, headers, aws = say(shared, f"GET {LAMBDA} HTTP/1.1\nHost: {EVIL}")

    assert (service["code"], service["name"]) == (10, "NO_PERMISSION_EXCEPTION")
    assert (headers["x-amzn-errortype"], list(aws)) == ("accessdeniedexception", ["Message"])


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("GET /health HTTP/1.1", 421),
        ("GET /health HTTP/1.0", 403),
        (f"GET /health HTTP/1.0\nHost: {EVIL}", 403),
        ("GET /health HTTP/1.1\nHost:", 421),
        (f"GET /health HTTP/1.1\nHost: localhost\nHost: {EVIL}", 421),
        (f"GET /health HTTP/1.1\nHost: {EVIL}\nHost: localhost", 421),
        ("GET /health HTTP/1.1\nHost: localhost\nHost: localhost", 421),
        (f"GET http://{EVIL}/health HTTP/1.1\nHost: localhost", 421),
        (f"GET http://localhost@{EVIL}/health HTTP/1.1\nHost: localhost", 421),
        (f"GET /health HTTP/1.1\nHost: {EVIL}\nX-Forwarded-Host: localhost", 421),
        (f"GET /health HTTP/1.1\nHost: localhost\nX-Forwarded-Host: {EVIL}", 200),
        (f"GET http://localhost/health HTTP/1.1\nHost: {EVIL}", 200),
        ("GET /health HTTP/1.1\nHost: 0.0.0.0", 421),
    ],
)
def test_a_host_is_named_once_and_is_this_server(shared: Dock, lines: str, status: int) -> None:
    assert say(shared, lines)[0] == status


def test_a_refusal_comes_ahead_of_the_body_and_of_a_100(shared: Dock) -> None:
    lines = f"POST /tasks/v1/ HTTP/1.1\nHost: {EVIL}\nContent-Length: 70000000"

    assert say(shared, lines)[0] == 421
    assert say(shared, f"{lines}\nExpect: 100-continue")[0] == 421


def test_a_foreign_host_cannot_make_an_upgrade_of_its_request(shared: Dock) -> None:
    lines = f"GET /health HTTP/1.1\nHost: {EVIL}\nConnection: Upgrade\nUpgrade: h2c"

    assert say(shared, lines)[0] == 421


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]:1", "app.localhost.:80", "host.docker.internal"]
)
def test_names_of_this_machine_are_served(shared: Dock, host: str) -> None:
    status, _, said = say(shared, f"GET {APPLICATIONS} HTTP/1.1\nHost: {host}")

    assert status == 200
    assert "consumerKey" in json.dumps(said)


def test_a_further_name_is_served_where_it_is_allowed(start_dock: StartDock) -> None:
    dock = start_dock(allowed_host=("app.example.org", ".example.com"))

    seen = {
        host: say(dock, f"GET /health HTTP/1.1\nHost: {host}")[0]
        for host in ("app.example.org:80", "a.b.example.com", "example.org", "example.com", EVIL)
    }

    assert list(seen.values()) == [200, 200, 421, 421, 421]


def test_a_name_that_allows_every_website_keeps_the_server_from_starting(
    start_dock: StartDock,
) -> None:
    with pytest.raises(StartupError, match=r"allowed_host .*every name below it"):
        start_dock(allowed_host=("*.com",))


def test_what_comes_by_a_containers_door_is_judged_as_well(dock: Dock) -> None:
    said: list[bytes] = []

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        for host in ("localhost:9002", EVIL):
            with runtime.connect("localhost:9002") as door:
                door.sendall(f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                said.append(door.recv(65536).split(b"\r\n")[0])
        return None

    dock.deploy(handler)
    assert dock.execute().status_code == 200

    assert [line.split()[1] for line in said] == [b"200", b"421"]


def test_a_rebound_page_gets_nothing_from_a_real_browser(dock: Dock) -> None:
    dock.deploy(answers, environmentVariables={"TOKEN": {"value": "walnut"}})
    local = dock.emulator.url
    secret = dock.call("GET", APPLICATIONS, base="").json()["data"][0]
    assert "consumerKey" in json.dumps(secret)

    shown = opened(f"{local}{APPLICATIONS}".replace("localhost", EVIL), elsewhere=EVIL)

    assert "is not a name of this server" in shown
    assert secret["id"] not in shown
