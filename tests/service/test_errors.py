"""Every error of the service over real HTTP, and that nothing is ever answered but JSON."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from requests import PreparedRequest, Request, Response
from requests_oauthlib import OAuth1

from taskdock.identity.directory import ADMINISTRATOR
from taskdock.testing.clock import ManualClock
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.zips import base64_of
from tests.service.conftest import StopLater
from tests.support.builders import Dock, Gate, Json
from tests.support.people import Bearer, Person, administrator, nobody, person, refusal, replaying

T = "/tasks/v1"
ID = "0123456789abcdef01234567"
FUTURE = "?ge(timestamp,2040-01-01T00:00:00.000Z)"

CONTRACT = {
    1: (500, "SERVER_EXCEPTION"),
    10: (401, "NO_PERMISSION_EXCEPTION"),
    12: (400, "ID_FORMAT_EXCEPTION"),
    13: (400, "EMPTY_BODY_EXCEPTION"),
    14: (400, "MISSING_REQUIRED_FIELDS_EXCEPTION"),
    15: (400, "FIELD_FORMAT_EXCEPTION"),
    16: (404, "RESOURCE_UNKNOWN_EXCEPTION"),
    17: (400, "RESOURCE_ALREADY_EXISTS_EXCEPTION"),
    19: (400, "INVALID_RQL_EXCEPTION"),
    20: (400, "EMPTY_RQL_EXCEPTION"),
    22: (400, "BODY_FORMAT_EXCEPTION"),
    27: (400, "ILLEGAL_STATE_EXCEPTION"),
    104: (401, "USER_NOT_AUTHENTICATED_EXCEPTION"),
    106: (401, "AUTHENTICATION_EXCEPTION"),
    107: (401, "OAUTH_KEY_EXCEPTION"),
    108: (401, "OAUTH_TOKEN_EXCEPTION"),
    109: (401, "OAUTH_SIGNATURE_EXCEPTION"),
    110: (401, "DUPLICATE_REQUEST_EXCEPTION"),
    117: (401, "ACCESS_TOKEN_UNKNOWN_EXCEPTION"),
    118: (401, "ACCESS_TOKEN_EXPIRED_EXCEPTION"),
    1401: (400, "INVALID_FUNCTION_CODE_EXCEPTION"),
    1402: (400, "INVALID_FUNCTION_CONFIGURATION_EXCEPTION"),
    1403: (400, "CONCURRENT_EXECUTION_LIMIT_EXCEPTION"),
    1404: (400, "TIME_LIMIT_EXCEEDS_DIRECT_EXECUTION_MAXIMUM_EXCEPTION"),
    1405: (400, "LAMBDA_INVOCATION_EXCEPTION"),
    1406: (400, "LAMBDA_RUNTIME_EXCEPTION"),
    1407: (400, "INVALID_FUNCTION_NAME_EXCEPTION"),
    1408: (400, "NO_TASK_LOGS_FOUND"),
    1409: (400, "INVALID_API_FUNCTION_RESULT"),
    1411: (400, "API_FUNCTION_MAXIMUM_TIME_LIMIT"),
    1412: (400, "CONCURRENT_API_FUNCTION_LIMIT_EXCEPTION"),
    1413: (400, "NO_API_REQUEST_LOGS_FOUND"),
}
"""The contract's table: status and name of each code."""


@dataclass(frozen=True)
class Scene:
    """A strict server with the functions good, bad, slow, long and off, and a task of `good`."""

    dock: Dock
    clock: ManualClock
    gate: Gate
    boss: Person
    done: str
    waiting: str

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Response:
        return self.boss.ask(method, T + path, body, **options)

    def make(self, **fields: Any) -> Response:
        return self.ask("POST", "/functions", new_function(**{"name": "new", **fields}))

    def with_auth(self, auth: Any) -> Response:
        return Person(self.dock.emulator.url, auth).ask("GET", f"{T}/")

    def signed(self, **changes: Any) -> OAuth1:
        names = ("client_key", "client_secret", "resource_owner_key", "resource_owner_secret")
        values = self.dock.emulator.directory.local.credentials.values()
        return OAuth1(**{**dict(zip(names, values, strict=True)), **changes})

    def twice(self) -> Response:
        """The same signed request once more."""
        url = f"{self.dock.emulator.url}{T}/"
        sent: PreparedRequest = Request("GET", url, auth=self.signed()).prepare()
        with replaying(sent, sent) as (_, second):
            return second

    def while_busy(self, method: str, path: str) -> Response:
        """What is answered while the only place for direct executions is taken."""
        with ThreadPoolExecutor() as pool:
            running = pool.submit(self.ask, "POST", "/functions/slow/execute")
            self.dock.eventually(lambda: self.gate.waiting > 0)
            answer = self.ask(method, path)
            self.gate.open()
        assert running.result().ok
        self.gate.waiting = 0
        self.gate.opened.clear()
        return answer

    def with_fault(self, path: str) -> Response:
        """No request can bring this about, so a fault is planted."""

        def fail(query: Any) -> None:
            raise RuntimeError("planted")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.dock.emulator.service, "find", fail)
            return self.ask("GET", path)

    def expired(self) -> Response:
        local = self.dock.emulator.directory.local
        body = {
            "grant_type": "password",
            "username": ADMINISTRATOR,
            "password": local.password,
            "client_id": local.application.client_id,
            "client_secret": local.application.client_secret,
        }
        pair = nobody(self.dock).post("/auth/v2/oauth2/tokens", body)
        self.clock.jump(301)
        return self.with_auth(Bearer(pair["access_token"]))

    def logs_of_request(self, query: str) -> Response:
        """`long` is never started as an API function, so its request has no lines."""
        assert self.ask("GET", "/api/long/").status_code == 400
        (request,) = self.ask("GET", "/apiRequests?sort(-timestamp)&limit(1)").json()["data"]
        return self.ask("GET", f"/apiRequests/{request['id']}/logs{query}")


def fall(event: Any, runtime: FakeRuntime) -> None:
    raise ValueError("it fell")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, stop_later: StopLater) -> Iterator[Scene]:
    clock, gate = ManualClock(), Gate()
    folder = tmp_path_factory.mktemp("errors") / "data"
    dock = Dock(folder, auth="strict", direct_concurrency=1, clock=clock)
    handlers = {"good": lambda event, runtime: 7, "bad": fall}
    programs = {name: serve(handler) for name, handler in handlers.items()}
    dock.engine.programs = {**programs, "slow": serve(lambda event, runtime: gate.pass_(runtime))}
    boss = administrator(dock)
    for name, more in {
        "good": {},
        "bad": {},
        "slow": {},
        "long": {"timeLimit": 31},
        "off": {},
    }.items():
        boss.post(f"{T}/functions", new_function(name, entryPoint=name, **more))
    boss.post(f"{T}/functions/off/disable", None)
    done = boss.post(f"{T}/functions/good/execute", None)["id"]
    later = {"functionName": "good", "startTimestamp": "2040-01-01T00:00:00.000Z"}
    waiting = boss.post(f"{T}/", later)["id"]
    yield Scene(dock, clock, gate, boss, done, waiting)
    stop_later(dock)


LOGIN = "/auth/v2/oauth1/tokens"
RESERVED = {"AWS_REGION": {"value": "walnut"}}
LARGE = {"TEXT": {"value": "x" * 4096}}
PERIOD = "?eventTimestamp>=2026-01-02&eventTimestamp<=2026-01-03"

ROWS: list[tuple[int, str, Callable[[Scene], Response]]] = [
    (1, "a fault of the server itself", lambda s: s.with_fault("/")),
    (10, "no permission", lambda s: person(s.dock).ask("GET", f"{T}/")),
    (10, "no permission to execute", lambda s: person(s.dock).ask("GET", f"{T}/api/good/")),
    (12, "cancel", lambda s: s.ask("POST", "/walnut/cancel")),
    (12, "logs", lambda s: s.ask("GET", f"/{ID.upper()}/logs")),
    (12, "schedule", lambda s: s.ask("DELETE", "/schedules/walnut")),
    (12, "API request", lambda s: s.ask("GET", "/apiRequests/walnut/logs")),
    (13, "task", lambda s: s.ask("POST", "/")),
    (13, "function", lambda s: s.ask("POST", "/functions", data=" \n")),
    (13, "update", lambda s: s.ask("PUT", "/functions/good")),
    (13, "schedule", lambda s: s.ask("POST", "/schedules")),
    (14, "task", lambda s: s.ask("POST", "/", {"data": {}})),
    (14, "function", lambda s: s.make(code=None)),
    (14, "name", lambda s: s.ask("POST", "/functions", {"code": ""})),
    (14, "schedule", lambda s: s.ask("POST", "/schedules", {"functionName": "good"})),
    (15, "priority", lambda s: s.ask("POST", "/", {"functionName": "good", "priority": 2**53})),
    (15, "time", lambda s: s.ask("POST", "/", {"functionName": "good", "startTimestamp": "noon"})),
    (15, "tags", lambda s: s.ask("POST", "/", {"functionName": "good", "tags": "oak"})),
    (15, "data", lambda s: s.ask("POST", "/functions/good/execute", {"data": [1]})),
    (15, "limit", lambda s: s.make(timeLimit=301)),
    (15, "memory", lambda s: s.ask("PUT", "/functions/good", {"memoryLimit": 127})),
    (15, "mode", lambda s: s.make(executionOptions={"permissionMode": "everyone"})),
    (15, "interval", lambda s: s.ask("POST", "/schedules", {"functionName": "a", "interval": 0})),
    (16, "task", lambda s: s.ask("POST", f"/{ID}/cancel")),
    (16, "task's logs", lambda s: s.ask("GET", f"/{ID}/logs")),
    (16, "function", lambda s: s.ask("GET", "/functions/walnut")),
    (16, "update", lambda s: s.ask("PUT", "/functions/walnut", {"timeLimit": 9})),
    (16, "delete", lambda s: s.ask("DELETE", "/functions/walnut")),
    (16, "enable", lambda s: s.ask("POST", "/functions/walnut/enable")),
    (16, "disable", lambda s: s.ask("POST", "/functions/walnut/disable")),
    (16, "execute", lambda s: s.ask("POST", "/functions/walnut/execute")),
    (16, "function's logs", lambda s: s.ask("GET", f"/functions/walnut/logs{PERIOD}")),
    (16, "API function", lambda s: s.ask("GET", "/api/walnut/")),
    (16, "schedule", lambda s: s.ask("DELETE", f"/schedules/{ID}")),
    (16, "API request's logs", lambda s: s.ask("GET", f"/apiRequests/{ID}/logs")),
    (17, "function", lambda s: s.make(name="good")),
    (19, "operator", lambda s: s.ask("GET", "/?walnut(status,new)")),
    (19, "field", lambda s: s.ask("GET", "/?eq(walnut,new)")),
    (19, "schedules", lambda s: s.ask("GET", "/schedules?limit(0)")),
    (19, "API requests", lambda s: s.ask("GET", "/apiRequests?eq(id")),
    (19, "logs", lambda s: s.ask("GET", f"/{s.done}/logs?eq(message,x)")),
    (19, "no period", lambda s: s.ask("GET", "/functions/good/logs")),
    (20, "all roles", lambda s: s.boss.ask("DELETE", "/users/v1/roles")),
    (22, "no JSON", lambda s: s.ask("POST", "/", data="{")),
    (22, "no object", lambda s: s.ask("POST", "/functions", ["good"])),
    (22, "NaN", lambda s: s.ask("POST", "/functions/good/execute", data='{"data": {"a": NaN}}')),
    (27, "cancel", lambda s: s.ask("POST", f"/{s.done}/cancel")),
    (27, "logs before it ran", lambda s: s.ask("GET", f"/{s.waiting}/logs")),
    (104, "nobody", lambda s: s.with_auth(None)),
    (104, "nobody executes", lambda s: nobody(s.dock).ask("GET", f"{T}/api/good/")),
    (106, "password", lambda s: s.boss.ask("POST", LOGIN, {"email": "a@b.c", "password": "d"})),
    (107, "consumer", lambda s: s.with_auth(s.signed(client_key="walnut"))),
    (108, "token", lambda s: s.with_auth(s.signed(resource_owner_key="walnut"))),
    (109, "signature", lambda s: s.with_auth(s.signed(client_secret="walnut"))),
    (110, "twice", lambda s: s.twice()),
    (117, "access token", lambda s: s.with_auth(Bearer("walnut"))),
    (118, "access token", lambda s: s.expired()),
    (1401, "no zip", lambda s: s.make(code=base64_of(b"walnut"))),
    (1401, "no base64", lambda s: s.ask("PUT", "/functions/good", {"code": "%"})),
    (1402, "reserved", lambda s: s.make(environmentVariables=RESERVED)),
    (1402, "too large", lambda s: s.ask("PUT", "/functions/good", {"environmentVariables": LARGE})),
    (1402, "runtime", lambda s: s.make(runtime="walnut1.x")),
    (1403, "execute", lambda s: s.while_busy("POST", "/functions/good/execute")),
    (1404, "execute", lambda s: s.ask("POST", "/functions/long/execute")),
    (1405, "execute", lambda s: s.ask("POST", "/functions/off/execute")),
    (1405, "API function", lambda s: s.ask("GET", "/api/off/")),
    (1406, "execute", lambda s: s.ask("POST", "/functions/bad/execute")),
    (1406, "API function", lambda s: s.ask("GET", "/api/bad/")),
    (1407, "create", lambda s: s.make(name="walnut & oak")),
    (1408, "none so late", lambda s: s.ask("GET", f"/{s.done}/logs{FUTURE}")),
    (1409, "API function", lambda s: s.ask("GET", "/api/good/")),
    (1411, "API function", lambda s: s.ask("GET", "/api/long/")),
    (1412, "API function", lambda s: s.while_busy("GET", "/api/good/")),
    (1413, "never started", lambda s: s.logs_of_request("")),
]


@pytest.mark.parametrize(
    ("code", "trigger"), [pytest.param(row[0], row[2], id=f"{row[0]}-{row[1]}") for row in ROWS]
)
def test_each_error_has_its_status_code_name_and_a_message(
    scene: Scene, code: int, trigger: Callable[[Scene], Response]
) -> None:
    response = trigger(scene)

    status, name = CONTRACT[code]
    assert refusal(response) == (status, code, name)
    assert response.headers["content-type"] == "application/json"


def test_every_error_of_the_contract_is_brought_about() -> None:
    assert {row[0] for row in ROWS} == set(CONTRACT)


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/functions/bad/execute"), ("GET", "/api/bad/")]
)
def test_a_runtime_error_says_what_the_function_said(scene: Scene, method: str, path: str) -> None:
    body = scene.ask(method, path).json()

    assert body["runtimeError"] == {"name": "ValueError", "message": "it fell"}
    assert ("taskId" in body) == (method == "POST")


# What is no endpoint


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/tasks", 404),
        ("GET", "/tasks/v2/", 404),
        ("GET", "/walnut/v1/", 404),
        ("GET", f"{T}/walnut", 404),
        ("GET", f"{T}/api", 404),
        ("GET", f"{T}/api/", 404),
        ("GET", f"{T}/functions/good/walnut", 404),
        ("POST", f"{T}/functions/good", 405),
        ("PUT", f"{T}/functions", 404),
        ("PUT", f"{T}/functions/", 405),
        ("PATCH", f"{T}/functions/good", 405),
        ("DELETE", f"{T}/", 405),
        ("PUT", f"{T}/schedules/{ID}", 405),
        ("GET", f"{T}/{ID}/cancel", 405),
        ("DELETE", f"{T}/{ID}", 404),
        ("TRACE", f"{T}/", 405),
        ("WALNUT", f"{T}/api/good/", 405),
        ("GET", f"{T}/functions/%2F%00", 404),
        ("GET", f"{T}//functions", 404),
        ("GET", f"{T}/%ff/%3Cscript%3E", 404),
    ],
)
def test_what_is_no_endpoint_is_told_so_in_json(
    scene: Scene, method: str, path: str, status: int
) -> None:
    response = scene.boss.ask(method, path, allow_redirects=False)

    assert refusal(response) == (status, 11, "ENDPOINT_EXCEPTION")
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (f"GET {T}/ HTTP/1.1\nHost: localhost\nContent-Length: walnut", 400, 22),
        (f"POST {T}/ HTTP/1.1\nHost: localhost\nContent-Length: 100000000", 413, 22),
        (f"GET {T}/ HTTP/1.1\nHost: localhost\nX-Wood: {'x' * 300_000}", 431, 22),
        (f"GET {T}/ HTTP/1.1\nHost: localhost\nTransfer-Encoding: walnut", 400, 22),
        ("WALNUT", 400, 22),
    ],
    ids=["length", "too large", "long header", "transfer coding", "no request line"],
)
def test_what_is_hardly_http_is_refused_in_json_too(
    scene: Scene, head: str, status: int, code: int
) -> None:
    with socket.create_connection(("127.0.0.1", scene.dock.emulator.port), 10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        with http.client.HTTPResponse(connection) as response:
            response.begin()
            body: Json = json.loads(response.read())

    assert (response.status, body["code"]) == (status, code)
    assert response.headers["content-type"] == "application/json"
    assert set(body) == {"code", "name", "message"}
    assert body["message"]


# Trailing slashes


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/functions", None),
        ("GET", "/functions/good", None),
        ("PUT", "/functions/good", {"description": "oak"}),
        ("POST", "/functions/good/enable", None),
        ("POST", "/functions/good/disable", None),
        ("POST", "/functions/long/execute", {}),
        ("GET", f"/functions/good/logs{PERIOD}", None),
        ("GET", "/schedules", None),
        ("POST", "/schedules", {}),
        ("DELETE", f"/schedules/{ID}", None),
        ("POST", "", {}),
        ("POST", "/functions", {"name": "good"}),
        ("POST", f"/{ID}/cancel", None),
        ("GET", f"/{ID}/logs", None),
        ("GET", "/apiRequests", None),
        ("GET", f"/apiRequests/{ID}/logs", None),
        ("DELETE", "/functions/walnut", None),
    ],
)
def test_a_slash_at_the_end_makes_no_difference(
    scene: Scene, method: str, path: str, body: Any
) -> None:
    path, mark, query = path.partition("?")

    without = scene.ask(method, path + mark + query, body)
    with_slash = scene.ask(method, f"{path}/{mark}{query}", body)

    assert without.json().get("code") != 11
    assert with_slash.status_code == without.status_code
    assert with_slash.json().keys() == without.json().keys()
    assert with_slash.json().get("code") == without.json().get("code")
