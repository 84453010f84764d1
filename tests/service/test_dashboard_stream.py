"""The dashboard's stream over real sockets: many pages, one that does not read, and the stop."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests

from benchmarks.speed.open_pages import OpenPages
from taskdock.base.timing.limits import Limits
from taskdock.tasks.model.notices import TaskCreated
from tests.support.builders import Dock, StartDock

LIMIT = 30.0  # seconds that anything here may take
PART = "/ui/now/board"


class Stream:
    """An open page, as far as its stream goes."""

    def __init__(self, dock: Dock, query: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", dock.emulator.port, timeout=LIMIT)
        self.connection.request("GET", f"/ui/stream{query}")
        self.reply = self.connection.getresponse()

    def event(self) -> dict[str, str]:
        """The next one; {} at the end of the stream."""
        lines: dict[str, str] = {}
        while line := self.reply.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            lines[name] = value
        return lines

    def until(self, topic: str) -> str:
        """The number of the telling that tells of a topic."""
        while True:
            event = self.event()
            assert event, "the stream has ended"
            if event["event"] == "changed" and topic in json.loads(event["data"]):
                return event["id"]

    def close(self) -> None:
        self.connection.close()
        self.reply.close()


@contextmanager
def streams(dock: Dock, count: int) -> Iterator[list[Stream]]:
    with ExitStack() as stack:
        opened = [Stream(dock) for _ in range(count)]
        for each in opened:
            stack.callback(each.close)
        yield opened


def readers(dock: Dock) -> int:
    return len(dock.emulator.web.hub._readers)


def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not check():
        assert time.monotonic() < deadline, "it has not come to be"
        time.sleep(0.01)


def fetched(dock: Dock, told: str, tag: str = "") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", dock.emulator.port, timeout=LIMIT)
    headers = {"Taskdock-Told": told, **({"If-None-Match": tag} if tag else {})}
    connection.request("GET", PART, headers=headers)
    reply = connection.getresponse()
    reply.content = reply.read()  # type: ignore[attr-defined]
    connection.close()
    return reply


def test_a_hundred_pages_are_told_of_a_task_and_show_it(dock: Dock) -> None:
    with streams(dock, 100) as pages:
        assert {page.event()["event"] for page in pages} == {"hello"}

        dock.create_task(startTimestamp="2099-01-01T00:00:00Z")
        told = {page.until("tasks") for page in pages}

        assert len(told) == 1
        first = fetched(dock, min(told))
        assert first.status == 200
        assert b"<dt>New</dt><dd>1</dd>" in first.content  # type: ignore[attr-defined]
        again = fetched(dock, min(told), first.headers["ETag"])
        assert again.status == 304
        assert readers(dock) == 100
    eventually(lambda: readers(dock) == 0)


def test_a_part_has_the_same_headers_whoever_makes_it(dock: Dock) -> None:
    """The policy of a page above all."""
    with streams(dock, 1) as (page,):
        number = page.event()["id"]
        made, kept = fetched(dock, number), fetched(dock, number)
        connection = http.client.HTTPConnection("127.0.0.1", dock.emulator.port, timeout=LIMIT)
        connection.request("GET", PART)
        plain = connection.getresponse()
        plain.read()
        connection.close()

    def named(reply: http.client.HTTPResponse) -> dict[str, str]:
        return {name: value for name, value in reply.getheaders() if name not in ("Date", "ETag")}

    assert named(made) == named(kept)
    assert {**named(plain), "Content-Length": ""} == {**named(made), "Content-Length": ""}
    assert "Content-Security-Policy" in named(kept)


def test_who_changes_something_sees_it_at_once_though_nobody_was_told_yet(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: 1)
    url, part = dock.emulator.url, "/ui/harness/faults"
    fault = {"functionName": "walnut-table", "fault": "crash"}
    with streams(dock, 1) as (page,):
        headers = {"Taskdock-Told": page.event()["id"], "Sec-Fetch-Site": "same-origin"}
        for count in range(3):
            before = requests.get(url + part, headers=headers, timeout=LIMIT)
            posted = requests.post(
                url + part, fault, headers=headers, allow_redirects=False, timeout=LIMIT
            )
            after = requests.get(url + part, headers=headers, timeout=LIMIT)

            assert posted.status_code == 303
            assert before.text.count('<tr id="fault-') == count
            assert after.text.count('<tr id="fault-') == count + 1


def test_a_page_that_does_not_read_is_dropped_while_the_others_are_told(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=Limits(http_patience=0.5))
    connections = dock.emulator.web.public.connections
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", dock.emulator.port))
        slow.sendall(b"GET /ui/stream?facts=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        eventually(lambda: readers(dock) == 1)
        with streams(dock, 1) as (page,):
            began = time.monotonic()
            while readers(dock) == 2:
                dock.emulator.notices.publish(TaskCreated(task="x" * 100_000, function="oak"))
                assert time.monotonic() < began + LIMIT, "it is still there"
                time.sleep(0.005)

            page.until("tasks")
            eventually(lambda: len(connections) == 1)


@pytest.mark.parametrize("reads", [True, False], ids=["reading", "not reading"])
def test_a_stop_does_not_wait_for_open_pages(start_dock: StartDock, reads: bool) -> None:
    dock = start_dock(limits=Limits(http_stop=20.0))
    with streams(dock, 20) as pages:
        ended: list[Stream] = []

        def read(page: Stream) -> None:
            while page.event():
                pass
            ended.append(page)

        threads = [threading.Thread(target=read, args=(page,)) for page in pages if reads]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        dock.stop()

        assert time.monotonic() - began < 10
        for thread in threads:
            thread.join(LIMIT)
        assert len(ended) == len(threads)


def test_a_page_that_comes_while_the_server_stops_is_turned_away(dock: Dock) -> None:
    dock.emulator.foundation.reactor.call(dock.emulator.web.hub.close)

    with streams(dock, 1) as (page,):
        assert page.reply.status == 503


def test_a_page_that_is_one_too_many_is_turned_away(dock: Dock) -> None:
    most = Limits().pages

    with streams(dock, most + 1) as pages:
        assert [page.reply.status for page in pages] == [200] * most + [503]


def test_the_readers_of_the_benchmark_do_what_a_page_does(dock: Dock) -> None:
    with OpenPages(dock.emulator.port, ["/ui/", "/ui/runs"], 6) as pages:
        began = time.monotonic()
        while time.monotonic() < began + 2.5:
            dock.create_task(startTimestamp="2099-01-01T00:00:00Z")
            time.sleep(0.1)

    assert pages.seen.failed == {}
    assert pages.seen.told >= 2 * 6
    assert pages.seen.fetched >= 2 * 3
    eventually(lambda: readers(dock) == 0)
