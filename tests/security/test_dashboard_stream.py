"""The dashboard's live stream: who may listen, to what, and how many."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from taskdock.base.timing.limits import Limits
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.testing.waiting import eventually
from taskdock.web.ui.stream.open_page import OpenPage
from tests.support.builders import Dock, StartDock
from tests.support.people import Person, administrator, nobody, person

STREAM = "/ui/stream"
OWN = {"Sec-Fetch-Site": "same-origin"}
LATER = "2199-01-01T00:00:00Z"


@contextlib.contextmanager
def listening(someone: Person, path: str = STREAM) -> Iterator[Iterator[str]]:
    """The lines of the stream, once it has begun."""
    with requests.Session() as session:
        session.trust_env = False
        with session.get(
            someone.url + path, auth=someone.auth, headers=OWN, stream=True, timeout=20
        ) as answer:
            assert answer.status_code == 200, answer.text
            lines = answer.iter_lines(decode_unicode=True)
            assert next(line for line in lines if line.startswith("event:")) == "event: hello"
            yield lines


def next_of(lines: Iterator[str], kind: str) -> Any:
    """The content of the next event of this kind."""
    for line in lines:
        if line == f"event: {kind}":
            return json.loads(next(lines).removeprefix("data: "))
    raise AssertionError(f"the stream ended without {kind}")


@pytest.fixture
def strict(start_dock: StartDock) -> Dock:
    return start_dock(auth="strict")


def create_task(dock: Dock) -> str:
    """The id of a task that nobody begins."""
    if dock.emulator.catalog.find("walnut-table") is None:
        dock.fake.programs["walnut-table"] = lambda runtime: runtime.hang()
        made = new_function("walnut-table", entryPoint="walnut-table")
        administrator(dock).post("/tasks/v1/functions/", made)
    body = {"functionName": "walnut-table", "startTimestamp": LATER}
    return str(administrator(dock).post("/tasks/v1/", body)["id"])


def test_nobody_listens_to_a_strict_server(strict: Dock) -> None:
    for method in ("GET", "HEAD"):
        for headers in (OWN, {**OWN, "Accept": "text/event-stream"}):
            answer = nobody(strict).ask(method, STREAM, headers=headers)

            assert answer.status_code == 401


def test_a_user_hears_that_something_changed_and_which_task_only_by_a_permission(
    strict: Dock,
) -> None:
    path = f"{STREAM}?facts=1"
    sees, sees_not = person(strict, "VIEW_TASKS"), person(strict, "VIEW_EVENTS")
    with listening(sees, path) as told, listening(sees_not, path) as topics:
        task = create_task(strict)

        assert task in json.dumps(next_of(told, "facts"))
        heard = []
        for line in topics:
            heard.append(line)
            if "tasks" in line:
                break
    assert "event: facts" not in heard


def test_too_many_pages_are_refused_and_others_go_on(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(pages=2))
    with listening(nobody(dock)) as first:
        with listening(nobody(dock)):
            assert nobody(dock).ask("GET", STREAM, headers=OWN).status_code == 503
        create_task(dock)
        while "tasks" not in next_of(first, "changed"):
            pass

        def opens() -> bool:
            with contextlib.suppress(AssertionError), listening(nobody(dock)):
                return True
            return False

        eventually(opens)


def test_a_function_takes_no_place_of_a_page(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(pages=1))
    opened: list[socket.socket] = []
    answers: list[bytes] = []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        for headers in ("", "taskdock-told: 1\r\n"):
            door = runtime.connect("localhost:9002")
            door.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: localhost:9002\r\n{headers}\r\n".encode())
            answers.append(door.recv(13))
            opened.append(door)  # it stays open

    dock.deploy(handler)
    dock.service.warm_up("walnut-table")

    assert answers == [b"HTTP/1.1 403 "] * 2
    with listening(nobody(dock)):
        assert opened
    for door in opened:
        door.close()


def test_only_a_get_listens(dock: Dock) -> None:
    head = nobody(dock).ask("HEAD", STREAM, headers=OWN)
    post = nobody(dock).ask("POST", STREAM, headers=OWN)

    assert head.status_code == 200
    assert post.status_code == 405


def test_a_page_that_is_gone_is_forgotten(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(pages=1))
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", dock.emulator.port), timeout=20) as opened:
            opened.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            eventually(lambda opened=opened: b" 200 " in opened.recv(15, socket.MSG_PEEK))

        def is_free() -> bool:
            answer = nobody(dock).ask("GET", STREAM, headers=OWN, stream=True)
            answer.close()
            return answer.status_code == 200

        eventually(is_free)


def test_a_page_asks_anew_after_a_while_so_that_an_ended_session_hears_no_more(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=Limits(page_open=0.5))

    with listening(nobody(dock)) as lines:
        assert "event: changed" not in list(lines)  # so it ends


def test_a_page_that_does_not_read_is_dropped_and_never_waited_for() -> None:
    async def unread() -> tuple[int, list[bytes]]:
        gone: list[OpenPage] = []
        reader = OpenPage(wants_facts=True, leave=gone.append)
        sent = 0
        while not gone:
            reader.send(b"event: changed\n\n")
            sent += 1
        return sent, [event async for event in reader]

    sent, read = asyncio.run(unread())

    assert sent < 100
    assert read == []
