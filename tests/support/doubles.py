"""Doubles: adds rules to a server over HTTP, and reads the calls that it has recorded."""

from __future__ import annotations

import http.client
import json
from typing import Any

import requests

from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock
from tests.support.people import nobody

Json = dict[str, Any]


def add(dock: Dock, method: str, path: str, answer: Json | None = None, **more: Any) -> Json:
    """Adds a rule; as the server shows it."""
    rule = {"method": method, "path": path, **more}
    if "answers" not in more:
        rule["answer"] = {"json": {"data": []}} if answer is None else answer
    return nobody(dock).post("/taskdock/doubles", rule)


def refused(dock: Dock, rule: Any) -> str:
    """The sentence with which a rule is refused."""
    answer = nobody(dock).ask("POST", "/taskdock/doubles", rule)
    assert (answer.status_code, answer.json()["code"]) == (400, 15), answer.text
    return str(answer.json()["message"])


def ask(dock: Dock, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
    """A call of a service that is not here, by a program on this machine."""
    return nobody(dock).ask(method, path, body, **options)


def calls(dock: Dock, query: str = "") -> list[Json]:
    found: list[Json] = nobody(dock).get(f"/taskdock/doubles/calls{query}")["data"]
    return found


def from_container(
    runtime: FakeRuntime, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    """A function's own call of API_HOST: the status, and the JSON of the answer."""
    host = runtime.program.environment["API_HOST"].removeprefix("http://")
    connection = http.client.HTTPConnection(host)
    connection.sock = runtime.connect(host)
    try:
        connection.request(
            method, path, None if body is None else json.dumps(body).encode(), {"Host": host}
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
