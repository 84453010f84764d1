"""Every way to spell a path or a method so that another endpoint's permission is asked for."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from oauthlib.oauth1 import Client

from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import serve
from taskdock.web.common.endpoint import Gate
from tests.service.conftest import StopLater
from tests.support.builders import Dock
from tests.support.endpoints import ENDPOINTS
from tests.support.people import administrator, person

ID = "0123456789abcdef01234567"
HIDDEN = "the-wood-of-walnut"
REFUSALS = (400, 401, 404, 405, 421)
FUNCTION = f"/tasks/v1/functions/{HIDDEN}"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, stop_later: StopLater) -> Iterator[Dock]:
    dock = Dock(tmp_path_factory.mktemp("strict") / "data", auth="strict")
    dock.engine.programs[HIDDEN] = serve(lambda event, runtime: {"statusCode": 200})
    administrator(dock).post("/tasks/v1/functions/", new_function(HIDDEN, entryPoint=HIDDEN))
    yield dock
    stop_later(dock)


@pytest.fixture(scope="module")
def open_dock(tmp_path_factory: pytest.TempPathFactory, stop_later: StopLater) -> Iterator[Dock]:
    dock = Dock(tmp_path_factory.mktemp("open") / "data")
    yield dock
    stop_later(dock)


class Answer:
    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.text = body.decode()

    @property
    def code(self) -> object:
        return json.loads(self.text).get("code")


def raw(
    dock: Dock, method: str, target: str, headers: dict[str, str] | None = None, body: str = ""
) -> Answer:
    """The target goes out as it is written."""
    connection = http.client.HTTPConnection("localhost", dock.emulator.port, timeout=60)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    finally:
        connection.close()


PATHS = [
    FUNCTION,
    "/tasks/v1/functions",
    "/users/v1/roles",
    "/auth/v2/applications",
    "/status",
]


def spellings(path: str) -> list[str]:
    """Of the same path, for whoever reads it in another way."""
    head, _, tail = path.rpartition("/")
    first = path[1:].partition("/")[0]
    return [
        path,
        f"{path}/",
        f"{path}//",
        f"/{path}",
        f"//{path}",
        f"/./{path[1:]}",
        f"{head}/./{tail}",
        f"{head}//{tail}",
        f"{head}/x/../{tail}",
        f"{head}/%2e%2e/{first}/{tail}",
        f"{head}/%2E/{tail}",
        f"/docs/..{path}",
        f"/docs/%2e%2e{path}",
        f"/health/..{path}",
        f"/health;{path}",
        f"{path};a=b",
        f"{path};/health",
        f"{path}%3Ba",
        f"{path}%2F",
        f"{path}%2f..%2fhealth",
        path.replace("/", "%2F"),
        "/" + path[1:].replace("/", "%2F"),
        "/" + path[1:].replace("/", "%252F"),
        path.replace("/", "\\"),
        "/" + path[1:].replace("/", "%5C"),
        f"{head}/{quote(tail[0])}{tail[1:]}",
        f"{head}/%{ord(tail[0]):02X}{tail[1:]}",
        f"{path}.",
        f"{path}..",
        f"{path}/.",
        f"{path}/..;/{tail}",
        f"{path}%20",
        f"{path}%00",
        f"{path}%00/health",
        f"{path}%0a",
        f"{path}?/health",
        f"{path}%3F/health",
        f"{path}%23/health",
        path.upper(),
        path.title(),
        f"/HEALTH/..{path}",
        f"http://localhost{path}",
        f"http://localhost{path}?health",
        f"http://localhost/health/..{path}",
        f"http://health@localhost{path}",
    ]


@pytest.mark.parametrize("path", PATHS)
def test_however_a_path_is_spelled_nobody_sees_what_needs_a_permission(
    strict: Dock, path: str
) -> None:
    for spelled in spellings(path):
        answer = raw(strict, "GET", spelled)

        assert answer.status in REFUSALS, (spelled, answer.text)


@pytest.mark.parametrize("path", PATHS)
def test_however_a_path_is_spelled_its_own_permission_is_asked_for(strict: Dock, path: str) -> None:
    """Signed, by a user who may do one other thing: what is answered with 200 is that."""
    ada = person(strict, "VIEW_TASKS")
    client = ada.auth.client  # type: ignore[union-attr]

    for spelled in spellings(path):
        signer = Client(
            client.client_key,
            client.client_secret,
            client.resource_owner_key,
            client.resource_owner_secret,
        )
        target = spelled if spelled.startswith("http") else strict.emulator.url + spelled
        try:
            _, headers, _ = signer.sign(target)
        except ValueError:  # it is no URL to who signs
            continue
        answer = raw(strict, "GET", spelled, dict(headers))

        assert answer.status in REFUSALS, (spelled, answer.text)


METHODS = ["HEAD", "OPTIONS", "PROPFIND", "TRACE", "get", "Get", "GET ", "FOO", "PATCH", "CONNECT"]


@pytest.mark.parametrize("method", METHODS)
def test_another_method_shows_and_changes_nothing(strict: Dock, method: str) -> None:
    for path in PATHS:
        answer = raw(strict, method.strip(), path)

        assert answer.status in (200, 400, 401, 404, 405, 501), (path, answer.text)
        assert answer.status != 200 or (method == "OPTIONS" and not answer.text)
    assert strict.emulator.catalog.find(HIDDEN) is not None


@pytest.mark.parametrize(
    "header",
    ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"],
)
def test_a_method_in_a_header_is_no_method(strict: Dock, header: str) -> None:
    ada = person(strict, "VIEW_TASK_FUNCTION_DETAILS")
    answer = ada.ask("GET", FUNCTION, headers={header: "DELETE"})
    posted = ada.ask("POST", f"{FUNCTION}/enable", {}, headers={header: "GET"})
    queried = ada.ask("GET", f"{FUNCTION}?_method=DELETE")

    assert answer.status_code == queried.status_code == 200
    assert posted.status_code == 401
    assert strict.emulator.catalog.find(HIDDEN) is not None


@pytest.mark.parametrize(
    "header",
    [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
        "X-Script-Name",
        "X-Forwarded-Host",
        "X-Forwarded-For",
        "X-Real-IP",
        "Forwarded",
        "X-Forwarded-User",
        "X-Remote-User",
        "Remote-Addr",
        "X-Exh-Requesting-User-Id",
    ],
)
def test_a_header_of_proxies_changes_neither_the_path_nor_who_is_asking(
    strict: Dock, header: str
) -> None:
    boss = administrator(strict)
    for value in ("/health", FUNCTION, "127.0.0.1", "for=127.0.0.1", boss.id):
        assert raw(strict, "GET", FUNCTION, {header: value}).status == 401
        assert raw(strict, "GET", "/health", {header: value}).status == 200


def test_every_endpoint_but_those_for_anyone_refuses_nobody(strict: Dock) -> None:
    for endpoint, declared in ENDPOINTS.items():
        method, _, path = endpoint.partition(" ")
        if declared.permission in (Gate.ANYONE, Gate.MACHINE, Gate.HARNESS):
            continue
        filled = path.replace("/api/*", f"/api/{HIDDEN}").replace(
            "/functions/*", f"/functions/{HIDDEN}"
        )
        answer = raw(strict, method.replace("ANY", "PATCH"), filled.replace("*", ID), body="{}")

        assert (answer.status, answer.code) == (401, 104), endpoint


def test_what_anyone_may_ask_tells_nothing_of_functions_or_users(strict: Dock) -> None:
    boss = administrator(strict)
    for endpoint, declared in ENDPOINTS.items():
        method, _, path = endpoint.partition(" ")
        if declared.permission is Gate.ANYONE and method == "GET" and "*" not in path:
            text = raw(strict, "GET", path).text

            assert HIDDEN not in text, endpoint
            assert boss.id not in text, endpoint


@pytest.mark.parametrize("name", ["..", ".", "%2e%2e", "a%2Fb", "a%00b", "%F0%9F%8C%B3", "*"])
def test_a_name_that_is_a_path_is_a_name(open_dock: Dock, name: str) -> None:
    for method, path in (
        ("GET", f"/tasks/v1/functions/{name}"),
        ("DELETE", f"/tasks/v1/functions/{name}"),
        ("POST", f"/tasks/v1/functions/{name}/execute"),
    ):
        answer = raw(open_dock, method, path)

        assert answer.status in (400, 404), (path, answer.text)
