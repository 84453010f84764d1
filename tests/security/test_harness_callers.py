"""Who may call the test harness, /taskdock/...: programs on this machine, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.web.common.endpoint import Gate
from tests.support.addresses import own_address
from tests.support.builders import Dock, StartDock
from tests.support.endpoints import ENDPOINTS
from tests.support.people import Person, administrator, nobody

NAME = "walnut-table"
REFUSED = 10  # FORBIDDEN_EXCEPTION


def calls() -> Iterator[tuple[str, str]]:
    """A method and a path of each endpoint of the harness."""
    found = [
        endpoint.replace("*", "5e9fff9d90135a2a9a718e2f").split(" ")
        for endpoint, declared in ENDPOINTS.items()
        if declared.permission is Gate.HARNESS
    ]
    assert len(found) > 10
    yield from ((method, path) for method, path in found)


def test_a_program_on_this_machine_needs_no_credentials(dock: Dock) -> None:
    assert nobody(dock).ask("GET", "/taskdock/clock").status_code == 200
    assert nobody(dock).ask("POST", "/taskdock/reset", {}).status_code == 200


def test_a_program_of_node_is_no_page(dock: Dock) -> None:
    """The headers that its `fetch` sends (Node.js 18 to 24)."""
    sent = {
        "Accept": "*/*",
        "Accept-Language": "*",
        "Sec-Fetch-Mode": "cors",
        "User-Agent": "node",
        "Accept-Encoding": "gzip, deflate",
    }

    assert nobody(dock).ask("POST", "/taskdock/reset", {}, headers=sent).status_code == 200


def test_a_strict_server_serves_it_to_nobody(start_dock: StartDock) -> None:
    strict = start_dock(auth="strict")
    for method, path in calls():
        for caller in (nobody(strict), administrator(strict)):
            answer = caller.ask(method, path, {})

            assert answer.json()["code"] == REFUSED, (method, path, answer.text)
            assert "--harness on" in answer.json()["message"]


def test_a_strict_server_that_is_asked_for_it_serves_it(start_dock: StartDock) -> None:
    strict = start_dock(auth="strict", harness="on")

    assert nobody(strict).ask("GET", "/taskdock/clock").status_code == 200
    assert nobody(strict).ask("GET", "/tasks/v1/").status_code == 401


def test_an_open_server_may_be_without_it(start_dock: StartDock) -> None:
    without = start_dock(harness="off")

    for method, path in calls():
        assert nobody(without).ask(method, path, {}).json()["code"] == REFUSED, (method, path)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "{url}"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_no_page_calls_it_not_even_one_of_this_machine(
    shared: Dock, headers: dict[str, str]
) -> None:
    sent = {name: value.format(url=shared.url) for name, value in headers.items()}
    for method, path in calls():
        answer = nobody(shared).ask(method, path, {}, headers=sent)

        assert answer.json()["code"] == REFUSED, (method, path, answer.text)


def test_a_stranger_does_not_reach_it_however_open_the_server_is(start_dock: StartDock) -> None:
    everybodys = start_dock(host="0.0.0.0", open_beyond_loopback=True)
    stranger = Person(f"http://{own_address()}:{everybodys.emulator.port}")
    for method, path in calls():
        answer = stranger.ask(method, path, {})

        assert answer.json()["code"] == REFUSED, (method, path, answer.text)
        assert own_address() in answer.json()["message"]


def test_a_function_does_not_reach_it(dock: Dock) -> None:
    answers: list[tuple[str, bytes]] = []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        for method, path in calls():
            body = b"" if method == "GET" else b"{}"
            head = f"{method} {path} HTTP/1.1\r\nHost: localhost:9002\r\nConnection: close\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            with runtime.connect("localhost:9002") as door:
                door.sendall(head.encode() + body)
                answers.append((f"{method} {path}", read_all(door)))

    dock.deploy(handler)
    dock.service.warm_up(NAME)

    assert len(answers) == len(list(calls()))
    for called, answer in answers:
        refusal = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert refusal["code"] == REFUSED, called
        assert "a function may not" in refusal["message"]


def read_all(door: Any) -> bytes:
    read = b""
    while piece := door.recv(65536):
        read += piece
    return read
