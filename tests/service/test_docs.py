"""The API's description and the page that shows it: whole, true, and from this server only."""

from __future__ import annotations

import http.client
import json
import re
import socket
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Map, Rule

from taskdock.base.errors import TaskdockError
from taskdock.lambdas.functions import code
from taskdock.web.common.endpoint import Gate
from taskdock.web.common.problems import PROBLEMS
from taskdock.web.public.openapi import builder
from taskdock.web.task_api.functions import ZIP
from taskdock.web.task_api.tasks import NewTask
from tests.support.builders import Dock
from tests.support.endpoints import OPERATIONS, PERMISSIONS
from tests.support.people import nobody

Json = dict[str, Any]


@pytest.fixture(scope="module")
def description(shared: Dock) -> Json:
    response = shared.call("GET", "/openapi.json", base="")
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/json"
    described: Json = response.json()
    return described


def operations(description: Json) -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def codes(operation: Json, status: str) -> set[int]:
    content = operation["responses"][status]["content"]
    (media,) = content.values()
    return {example["value"]["code"] for example in media["examples"].values()}


def test_every_endpoint_is_described_and_nothing_else(description: Json) -> None:
    assert set(operations(description)) == set(OPERATIONS)


def test_a_route_without_a_declaration_breaks_the_description() -> None:
    routes = Map([Rule("/walnuts", methods=["GET"], endpoint="walnuts")])

    with pytest.raises(TaskdockError, match="/walnuts"):
        builder.describe(routes, strict=True)


def test_every_permission_is_told(description: Json) -> None:
    described = {each["x-permission"] for each in operations(description).values()}

    assert described - {gate.value for gate in Gate} == PERMISSIONS


def test_an_endpoint_tells_its_errors_by_status_and_code(description: Json) -> None:
    cancel = operations(description)["POST /tasks/v1/{taskId}/cancel"]
    execute = operations(description)["POST /tasks/v1/functions/{name}/execute"]

    assert codes(cancel, "400") == {12, 27}
    assert codes(cancel, "404") == {11, 16}
    assert codes(cancel, "401") == {10, 104, 107, 108, 109, 110, 117, 118}
    assert {1403, 1404, 1405, 1406} < codes(execute, "400")


def test_every_error_that_a_caller_can_get_is_told_somewhere(description: Json) -> None:
    told = {
        (int(status), code)
        for operation in operations(description).values()
        for status, response in operation["responses"].items()
        if "examples" in next(iter(response.get("content", {"": {}}).values()))
        for code in codes(operation, status)
    }

    assert told == {(problem.status, problem.code) for problem in PROBLEMS.values()}


def test_what_the_health_says_of_a_server_that_fails_is_described(description: Json) -> None:
    answers = operations(description)["GET /health"]["responses"]

    assert answers["503"]["content"] == answers["200"]["content"]


def test_requests_are_described_by_the_models_that_check_them(description: Json) -> None:
    schemas = description["components"]["schemas"]

    assert schemas["NewTask"] == NewTask.model_json_schema()
    assert schemas["NewFunction"]["properties"]["timeLimit"]["anyOf"][0]["minimum"] == 3


def test_every_reference_leads_somewhere(description: Json) -> None:
    references = set(re.findall(r"'#/components/schemas/(\w+)'", str(description)))

    assert references <= set(description["components"]["schemas"])
    assert references


@pytest.mark.parametrize("key", [k for k, one in OPERATIONS.items() if one.example])
def test_every_example_is_a_body_that_is_understood(key: str) -> None:
    operation = OPERATIONS[key]

    assert operation.body is not None
    assert operation.body.model_validate(operation.example)


def test_the_code_in_the_example_is_a_function() -> None:
    with zipfile.ZipFile(BytesIO(code.decode(ZIP))) as archive:
        assert archive.namelist() == ["index.py"]
        assert b"def handler(event, context)" in archive.read("index.py")


def test_a_strict_server_says_where_credentials_are_needed(
    description: Json, tmp_path: Path
) -> None:
    dock = Dock(tmp_path / "strict", auth="strict")
    strict = operations(dock.call("GET", "/openapi.json", base="").json())
    dock.stop()

    assert {} in operations(description)["GET /tasks/v1"]["security"]
    assert {} not in strict["GET /tasks/v1"]["security"]
    assert {} in strict["GET /health"]["security"]


# The page


FILES = ["/docs", "/docs/", "/docs/index.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"]


@pytest.mark.parametrize("path", FILES)
def test_the_page_and_its_files_are_served_to_anyone(shared: Dock, path: str) -> None:
    response = nobody(shared).ask("GET", path)

    assert response.status_code == 200
    assert response.headers["Content-Type"].split(";")[0] in (
        "text/html",
        "text/javascript",
        "text/css",
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_may_load_only_what_this_server_has(shared: Dock) -> None:
    policy = shared.call("GET", "/docs", base="").headers["Content-Security-Policy"]

    directives = dict(each.split(" ", 1) for each in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["connect-src"] == "'self'"
    assert "http" not in policy


def test_the_page_names_only_files_that_are_here(shared: Dock) -> None:
    page = shared.call("GET", "/docs", base="").text
    script = shared.call("GET", "/docs/index.js", base="").text

    named = re.findall(r'(?:src|href)="([^"]*)"', page) + re.findall(r'url: "([^"]*)"', script)
    assert "/openapi.json" in named
    for each in named:
        assert each.startswith("data:") or shared.call("GET", each, base="").ok
    assert "//" not in page.replace("<!DOCTYPE", "")


def test_the_styles_load_nothing_from_elsewhere(shared: Dock) -> None:
    styles = shared.call("GET", "/docs/swagger-ui.css", base="").text

    assert all(each.startswith("data:") for each in re.findall(r"url\([\"']?([^)]*)", styles))
    assert "@import" not in styles


@pytest.mark.parametrize("name", ["views.py", "..%2Fviews.py", "%2e%2e%2fviews.py", "static"])
def test_nothing_else_is_served(shared: Dock, name: str) -> None:
    response = shared.call("GET", f"/docs/{name}", base="")

    assert response.status_code == 404
    assert response.json()["name"] == "ENDPOINT_EXCEPTION"


def test_the_licences_come_with_the_files(shared: Dock) -> None:
    for name in ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"):
        response = shared.call("GET", f"/docs/{name}", base="")

        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/plain")


# What is refused before any endpoint


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        ("POST /tasks/v1/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n", 413, 22),
        ("POST /tasks/v1/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n", 400, 22),
        ("GET /tasks/v1/ HTTP/1.1\r\nno header\r\n", 400, 22),
        (f"GET /tasks/v1/ HTTP/1.1\r\nX: {'x' * 300_000}\r\n", 431, 22),
    ],
)
def test_what_is_no_request_for_an_endpoint_is_refused_in_the_same_shape(
    shared: Dock, head: str, status: int, code: int
) -> None:
    connection = socket.create_connection(("127.0.0.1", shared.emulator.port), timeout=10)
    with connection:
        connection.sendall(f"{head}\r\n".encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        said = json.load(answer)

    assert (answer.status, said["code"]) == (status, code)
    assert set(said) == {"code", "name", "message"}
    assert answer.headers["Content-Type"] == "application/json"


def test_a_method_that_an_endpoint_has_not_is_told_those_that_it_has(shared: Dock) -> None:
    response = shared.call("DELETE", "/health", base="")

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert response.json()["name"] == "ENDPOINT_EXCEPTION"
