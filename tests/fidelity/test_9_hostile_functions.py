"""Functions that mean harm: each gets a clear outcome within its limits, and harms nobody else.

While each of them is at it, a neighbour's tasks run one after the other on the same server; none
may fail, be disturbed or see a line that is not its own. What the attacks do is in
`hostile/main.py`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import sqlite3
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import docker
import pytest
from requests_oauthlib import OAuth1

from taskdock.base.timing.limits import Limits
from taskdock.client.servers import credentials
from taskdock.engines.launcher.lines import MAX_LINE
from taskdock.lambdas.environment.spec import LABEL
from taskdock.lambdas.outcome import MAX_RESPONSE
from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from taskdock.web.http.connection_limit import A_FEW, MAX_CONNECTIONS, MAX_OF_A_FUNCTION
from tests.acceptance.conftest import engine, images  # noqa: F401
from tests.support.live import LiveServer, TaskService, zipped
from tests.support.people import Person

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(300)]

HOSTILE = Path(__file__).parent / "hostile" / "main.py"
GRACE = 30.0  # seconds beyond the time limit, for a machine with much to do
MEGABYTE = 1 << 20
MOST_GROWTH = 150 * MEGABYTE  # of the server's memory, whatever functions do

NEIGHBOUR = """
import time

def handler(task, context):
    print("at work on", task["data"]["number"])
    time.sleep(0.2)
    return task["data"]["number"]
"""


class Neighbour:
    """Works while the attack goes on, and tells what went wrong with that."""

    def __init__(self, url: str) -> None:
        self.service = TaskService(url)
        self.done = 0
        self.wrong: list[object] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Neighbour:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set() and not self.wrong:
            try:
                self._run_once()
            except Exception as error:
                self.wrong.append(error)

    def _run_once(self) -> None:
        task = self.service.execute("neighbour", {"number": self.done})
        if task.get("result") != self.done:
            self.wrong.append(task)
            return
        start, *lines, end, report = self.service.log(task["id"])
        words = [line.split()[0] for line in (start, end, report)]
        if (words, lines) != (["START", "END", "REPORT"], [f"at work on {self.done}"]):
            self.wrong.append([start, *lines, end, report])
        self.done += 1


class Villain:
    """The hostile function, deployed with these limits."""

    def __init__(
        self,
        server: LiveServer,
        engine: docker.DockerClient,  # noqa: F811
        name: str,
        **limits: int,
    ) -> None:
        self.server = server
        self.service = server.service
        self.time_limit = limits["timeLimit"]
        self.name = self.service.deploy(name, {"main.py": HOSTILE.read_text()}, **limits)
        self._engine = engine

    def result(self, attack: str, **data: Any) -> Any:
        """What it returned."""
        answer = self.service.execute(self.name, {"attack": attack, **data})
        log = self.service.whole_log(answer.get("id") or answer.get("taskId") or "")
        assert "result" in answer, f"{answer}\n{log[-9:]}"
        return answer["result"]

    def fate(self, attack: str, **data: Any) -> Json:
        """What became of it, within its time limit; its `log` beside it."""
        id = self.service.create(self.name, {"attack": attack, **data})
        (task,) = self.service.finish([id], within=self.time_limit + GRACE)
        return task | {"id": id}

    def lines(self, task: Json) -> list[str]:
        """What it printed itself."""
        log = self.service.log(task["id"])
        begin = next(n for n, line in enumerate(log) if line.startswith("START "))
        end = next(n for n, line in enumerate(log) if line.startswith("END "))
        return log[begin + 1 : end]

    def assert_serves(self) -> None:
        """Its next call is answered, by this environment or another."""
        answer = self.service.execute(self.name)
        log = self.service.whole_log(answer.get("id") or answer.get("taskId") or "")
        assert answer.get("result") == "at your service", f"{answer}\n{log[-9:]}"

    def assert_recovers(self) -> None:
        """A call is answered again; what it did to its own door may have cost it one or two."""

        def answered() -> bool:
            return bool(self.service.execute(self.name).get("result") == "at your service")

        eventually(answered, "its calls are answered again", within=GRACE)

    def containers(self) -> list[str]:
        found = self._engine.api.containers(filters={"name": f"^/taskdock-{self.name}-[0-9a-f]+$"})
        return [each["Id"] for each in found if each["Id"] in self.server.containers()]

    def processes(self) -> int:
        """In its containers, without their launchers."""
        running = 0
        for container in self.containers():
            try:
                # None for a container that ends at this moment: Docker found no process of it.
                found = self._engine.api.top(container)["Processes"] or [None]
                running += len(found) - 1
            except docker.errors.APIError:  # it has gone meanwhile
                continue
        return running


@pytest.fixture(scope="module")
def server(
    engine: docker.DockerClient,  # noqa: F811
    images: None,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveServer]:
    server = LiveServer(engine, tmp_path_factory.mktemp("hostile") / "data").start()
    try:
        server.service.deploy("neighbour", {"main.py": NEIGHBOUR})
        yield server
        server.stop()
    finally:
        server.discard()


@pytest.fixture(scope="module")
def villain(server: LiveServer, engine: docker.DockerClient) -> Villain:  # noqa: F811
    return Villain(server, engine, "villain", timeLimit=30, memoryLimit=512)


@pytest.fixture(scope="module")
def brief(server: LiveServer, engine: docker.DockerClient) -> Villain:  # noqa: F811
    """For what ends by its time limit."""
    return Villain(server, engine, "brief", timeLimit=3, memoryLimit=1024)


@pytest.fixture(scope="module")
def patient(server: LiveServer, engine: docker.DockerClient) -> Villain:  # noqa: F811
    """For what takes as long as the machine wants, and is queued."""
    return Villain(server, engine, "patient", timeLimit=300, memoryLimit=512)


@pytest.fixture(autouse=True)
def neighbour(server: LiveServer) -> Iterator[Neighbour]:
    """Nobody else is harmed, in any of these tests."""
    before, told = resident(server), len(server.output)
    with Neighbour(server.service.url) as neighbour:
        eventually(lambda: neighbour.done or neighbour.wrong, "the neighbour is at work")
        at_work = neighbour.done
        yield neighbour
        eventually(lambda: neighbour.done > at_work or neighbour.wrong, "it is at work afterwards")
    assert neighbour.wrong == []
    assert server.runs
    assert "Traceback" not in "".join(server.output[told:]), server.log
    assert resident(server, "VmHWM") - before < MOST_GROWTH


def resident(server: LiveServer, what: str = "VmRSS") -> int:
    """Bytes of memory that the server has now; VmHWM: at most, up to now."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    (kilobytes,) = re.findall(rf"{what}:\s+(\d+) kB", status)
    return int(kilobytes) * 1024


def assert_timed_out(villain: Villain, task: Json) -> None:
    assert task["status"] == "failed", task
    assert task["error"]["name"] == "Sandbox.Timedout"
    assert task["error"]["message"].endswith(f"timed out after {villain.time_limit}.00 seconds")


# 9.1 Processes, memory, processors


def test_9_1_a_fork_bomb_ends_by_the_time_limit_and_leaves_no_process(brief: Villain) -> None:
    task = brief.fate("fork_bomb")

    assert_timed_out(brief, task)
    eventually(lambda: brief.processes() == 0, "all of its processes are gone")
    brief.assert_serves()


def test_9_1_spinning_threads_end_by_the_time_limit(brief: Villain) -> None:
    task = brief.fate("spin")

    assert_timed_out(brief, task)
    brief.assert_serves()


def test_9_1_a_leak_ends_by_the_memory_limit(villain: Villain) -> None:
    task = villain.fate("leak")

    assert task["error"]["name"] == "Runtime.OutOfMemory"
    villain.assert_serves()


def test_9_1_open_files_are_limited(villain: Villain) -> None:
    result = villain.result("open_files")

    assert result["failed"] == "Too many open files"
    assert 900 < result["opened"] < 1024
    villain.assert_serves()


def test_9_1_what_haunts_a_container_is_counted_to_its_function_and_ends_with_the_runtime(
    brief: Villain,
) -> None:
    assert brief.result("haunt", name="brief", lines=1, pause=0.01) == "haunted"

    def heard() -> set[str]:
        task = brief.service.execute(brief.name)
        assert task["result"] == "at your service"
        return set(brief.lines(task))

    assert eventually(heard, "it is in a later log of its function") == {"boo brief"}
    assert_timed_out(brief, brief.fate("spin"))
    eventually(lambda: brief.processes() == 0, "nothing of it is left")
    quiet = brief.service.execute(brief.name)
    assert brief.lines(quiet) == []


def test_9_1_a_child_that_floods_after_the_answer_disturbs_nobody(brief: Villain) -> None:
    assert brief.result("haunt", name="brief", lines=1000, pause=0) == "haunted"

    brief.assert_serves()


# 9.2 Output


@pytest.mark.parametrize("piece", ["x\n", "x"], ids=["lines", "line"])
def test_9_2_a_gigabyte_of_output_is_cut_and_noted(
    server: LiveServer, patient: Villain, piece: str
) -> None:
    task = patient.fate("flood", piece=piece, megabytes=1024)

    assert task["status"] == "complete", task
    lines, length, last = written(server, task["id"])
    assert length + 128 * lines < Limits().max_log + MAX_LINE
    assert lines > 50
    assert [line.split()[0] for line in last] == ["taskdock", "END", "REPORT"]
    assert last[0] == "taskdock keeps 16 MB of a log; what follows is left out"
    assert server.service.reach(server.service.create(patient.name), "complete")


def test_9_2_a_line_of_ten_megabytes_arrives_whole_in_pieces(
    server: LiveServer, villain: Villain
) -> None:
    size = 10 * MEGABYTE
    task = villain.fate("long_line", size=size)

    pieces = villain.lines(task)

    assert "".join(pieces) == "".join(f"{n:07}|" for n in range(size // 8))
    assert {len(piece) for piece in pieces[:-1]} == {MAX_LINE}


RUBBISH = {
    b"a\0b\n": ["a\0b"],
    b"\xff\xfe \xc3\x28\n": ["\ufffd\ufffd \ufffd("],
    b"half \xed\xa0\x80 pair\n": ["half \ufffd\ufffd\ufffd pair"],
    b"one\rtwo\rthree\r\n": ["one\rtwo\rthree"],
    b"\x1b[31mred\x1b[0m\x07\x08\n": ["\x1b[31mred\x1b[0m\x07\x08"],
    b"\xf0\x9f\xaa\xb5 \xef\xbf\xbf\n": ["\U0001fab5 \uffff"],
    b"'); DROP TABLE log; --\n": ["'); DROP TABLE log; --"],
    bytes(range(256)) + b"\n": [
        bytes(range(10)).decode(),
        bytes(range(11, 128)).decode() + "\ufffd" * 128,
    ],
}


def test_9_2_rubbish_is_kept_as_text(villain: Villain) -> None:
    task = villain.fate("rubbish", bytes=b"".join(RUBBISH).hex())

    assert villain.lines(task) == [line for lines in RUBBISH.values() for line in lines]
    villain.assert_serves()


def written(server: LiveServer, id: str) -> tuple[int, int, list[str]]:
    """How many lines a log has, how many characters, and the last three of them."""
    with sqlite3.connect(f"file:{server.data}/taskdock.db?mode=ro", uri=True) as store:
        (lines, length) = store.execute(
            "SELECT count(*), sum(length(message)) FROM task_log WHERE task_id = ?", (id,)
        ).fetchone()
        last = store.execute(
            "SELECT message FROM task_log WHERE task_id = ? ORDER BY id DESC LIMIT 3", (id,)
        ).fetchall()
    store.close()
    return lines, length, [message for (message,) in reversed(last)]


# 9.3 Files


def test_9_3_only_tmp_can_be_written(server: LiveServer, villain: Villain) -> None:
    closed = ["/var/task/main.py", "/var/task/new", "/opt/new", "/etc/passwd", "/new", "/bin/sh"]
    machine = ["/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger"]
    limits = ["/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/kernel/profiling"]
    before = code_of(server)

    said = villain.result("write", paths=[*closed, *machine, *limits], delete=["/var/task/main.py"])

    assert set(said) == {*closed, *machine, *limits, "delete /var/task/main.py"}
    assert set(said.values()) <= {
        "Read-only file system",
        "Permission denied",
        "No such file or directory",
    }
    assert code_of(server) == before
    villain.assert_serves()


def code_of(server: LiveServer) -> dict[str, str]:
    files = sorted(path for path in (server.data / "code").rglob("*") if path.is_file())
    assert files
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# 9.4 The Runtime API


def test_9_4_connections_that_break_off_change_nothing(villain: Villain) -> None:
    assert villain.result("hang_up") == "still here"
    villain.assert_serves()


def test_9_4_the_first_answer_counts(villain: Villain) -> None:
    task = villain.service.execute(villain.name, {"attack": "answer_twice"})

    assert task["result"] == "first"
    assert "answers [202, 403]" in villain.service.log(task["id"])
    villain.assert_serves()


def test_9_4_nobody_answers_for_another_invocation(villain: Villain, neighbour: Neighbour) -> None:
    running = "00000000-0000-4000-8000-000000000000"

    assert villain.result("answer_for", ids=[running, "x", "..", "%00", "a" * 5000]) == [400] * 5


def test_9_4_two_polls_at_once_get_the_same_event(villain: Villain) -> None:
    assert villain.result("poll_twice") is True
    villain.assert_serves()


def test_9_4_what_a_container_sees_does_not_name_its_neighbour(
    villain: Villain,
    engine: docker.DockerClient,  # noqa: F811
    neighbour: Neighbour,
) -> None:
    (other,) = engine.api.containers(filters={"name": "^/taskdock-neighbour-"})[:1]
    id = other["Labels"][f"{LABEL}.environment"]
    names = [f"{id}.lambda", f"taskdock-neighbour-{id[:8]}", other["Id"][:12], "neighbour"]

    seen = villain.result("look_around", names=names)

    assert id not in str([seen["env"], seen["files"]])
    assert seen["names"] == dict.fromkeys(names)


def test_9_4_whoever_a_caller_says_it_is_it_gets_its_own_event(
    villain: Villain,
    engine: docker.DockerClient,  # noqa: F811
) -> None:
    (other,) = engine.api.containers(filters={"name": "^/taskdock-neighbour-"})[:1]
    id = other["Labels"][f"{LABEL}.environment"]
    hosts = [f"{id}.lambda", id, "0" * 32, "neighbour.lambda", "", "*", "x" * 60_000]

    assert villain.result("ask_as", hosts=hosts) == ["my own event"] * len(hosts)


def test_9_4_a_container_reaches_nothing_that_listens_on_this_machine(
    server: LiveServer, villain: Villain
) -> None:
    port = int(server.service.url.rpartition(":")[2])

    where = listening(server)

    assert {listens_at for _, listens_at in where} == {port}
    assert all(address.is_loopback for address, _ in where)
    assert villain.result("connect", ports=[port]) == []


def listening(server: LiveServer) -> set[tuple[IPv4Address | IPv6Address, int]]:
    """Where the server's process accepts connections from the network."""
    sockets = {link.readlink().name for link in Path(f"/proc/{server.pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/{server.pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *fields = row.split()
            if state == "0A" and f"socket:[{fields[5]}]" in sockets:
                address, _, port = local.partition(":")
                found.add((read_address(address), int(port, 16)))
    return found


def read_address(digits: str) -> IPv4Address | IPv6Address:
    """As /proc/net has it: words of 32 bits in this machine's order."""
    data = bytes.fromhex(digits)
    words = [data[begin : begin + 4] for begin in range(0, len(data), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    return ip_address(b"".join(words))


OK = "HTTP/1.1 202 Accepted"
BAD = "HTTP/1.1 400 Bad Request"
NO = "HTTP/1.1 404 Not Found"
TOO_LARGE = "HTTP/1.1 431 Request Header Fields Too Large"
HUNG_UP = ("Connection reset by peer", "Broken pipe")  # which one depends on how far it has come


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ({"bytes": "GET /" + "x" * 60_000 + " HTTP/1.1\r\nHost: x\r\n\r\n"}, [NO]),
        ({"bytes": "GET /" + "x" * 100_000 + " HTTP/1.1\r\nHost: x\r\n\r\n"}, [BAD, *HUNG_UP]),
        ({"bytes": "GET /" + "x" * 65_536, "repeat": 100}, [BAD, TOO_LARGE, *HUNG_UP]),
        (
            {"bytes": "GET / HTTP/1.1\r\n" + "X-A: " + "x" * 65_536, "repeat": 100},
            [TOO_LARGE, *HUNG_UP],
        ),
        (
            {"bytes": "X-A: b\r\n", "times": 10_000, "repeat": 100},
            [BAD, TOO_LARGE, *HUNG_UP],
        ),
        (
            {"bytes": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "times": 10_000},
            [NO, BAD, *HUNG_UP],
        ),
        ({"bytes": "POST {mine} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"}, [BAD]),
        ({"bytes": "POST {mine} HTTP/1.1\r\nHost: x\r\nContent-Length: 9e9\r\n\r\n"}, [BAD]),
        (
            {"bytes": f"POST {{mine}} HTTP/1.1\r\nHost: x\r\nContent-Length: {10**30}\r\n\r\n"},
            [BAD],
        ),
        (
            {
                "bytes": "POST {mine} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                "Transfer-Encoding: chunked\r\n\r\n"
            },
            [BAD],
        ),
        (
            {"bytes": "POST {mine} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
            [BAD, NO],
        ),
        ({"bytes": "CONNECT other:80 HTTP/1.1\r\nHost: other\r\n\r\n"}, [BAD]),
        ({"bytes": "\0\x16\x03\x01"}, [BAD]),
        ({"bytes": "GET / HTTP/1.1\r\nHost:", "patience": 1}, ["silence"]),
    ],
    ids=[
        "long path",
        "longer path",
        "endless path",
        "endless header",
        "endless headers",
        "10,000 requests at once",
        "length of -1",
        "length of 9e9",
        "length of 10^30",
        "two lengths",
        "bad chunk",
        "CONNECT",
        "no HTTP",
        "slow",
    ],
)
def test_9_4_malformed_requests_are_refused(
    villain: Villain, said: Json, answers: list[str]
) -> None:
    assert villain.result("send", **said) in answers
    villain.assert_serves()


RUNTIME_API, TASK_SERVICE = 9001, 9002


@pytest.mark.parametrize("port", [RUNTIME_API, TASK_SERVICE])
def test_9_4_connections_that_are_never_used_keep_nobody_out(
    villain: Villain, neighbour: Neighbour, port: int
) -> None:
    """They count to their container: beyond the limit they wait in there, or are closed."""
    id = villain.service.create(
        villain.name, {"attack": "hold", "count": 300, "port": port, "seconds": 1.5}
    )
    eventually(lambda: "holding" in villain.service.log(id), "it holds its connections")
    before = neighbour.done

    eventually(lambda: neighbour.done > before + 1 or neighbour.wrong, "the neighbour works on")

    villain.service.reach(id, "complete")
    villain.assert_serves()


def test_9_4_all_containers_of_a_function_share_its_connections(
    server: LiveServer,
    engine: docker.DockerClient,  # noqa: F811
) -> None:
    crowd = Villain(server, engine, "crowd", timeLimit=30, memoryLimit=128)
    count = MAX_OF_A_FUNCTION // MAX_CONNECTIONS + 2
    each = MAX_CONNECTIONS - 8  # so that none waits in a launcher, which leads as many
    data = {"count": each, "port": TASK_SERVICE, "seconds": 15}

    with ThreadPoolExecutor(count) as callers:
        calls = [callers.submit(crowd.result, "hold", **data) for _ in range(count)]
        held = [call.result() for call in calls]

    assert len(set(held)) > 1, "each for itself is not limited so"
    assert sum(held) <= MAX_OF_A_FUNCTION + count * A_FEW
    crowd.assert_serves()


@pytest.mark.parametrize("port", [RUNTIME_API, TASK_SERVICE])
@pytest.mark.parametrize("first", ["", "\0\xff!r", "GET / HTTP/1.1\r\n\r\n"])
def test_9_4_thousands_of_connections_in_a_row_keep_nobody_out(
    patient: Villain, neighbour: Neighbour, port: int, first: str
) -> None:
    before = neighbour.done

    task = patient.fate("knock", port=port, count=2000, first=first)

    assert task["status"] == "complete", task
    eventually(lambda: neighbour.done > before or neighbour.wrong, "the neighbour works on")
    assert patient.lines(task) == ["knocked 2000 times"]


def test_9_4_a_response_of_the_largest_size_is_taken_and_one_byte_more_is_not(
    villain: Villain,
) -> None:
    largest = villain.service.execute(villain.name, {"attack": "chunks", "size": MAX_RESPONSE})
    more = villain.fate("chunks", size=MAX_RESPONSE + 1)

    assert len(largest["result"]) == MAX_RESPONSE - 2
    assert more["error"]["name"] == "Function.ResponseSizeTooLarge"
    assert "status 413" in villain.lines(more)
    villain.assert_serves()


def test_9_4_an_endless_response_ends_by_the_time_limit(brief: Villain) -> None:
    assert_timed_out(brief, brief.fate("endless_response"))
    brief.assert_serves()


def test_9_4_deep_json_is_text_as_a_result_and_no_harm_as_an_error(villain: Villain) -> None:
    result = villain.service.execute(villain.name, {"attack": "deep", "as": "response"})
    error = villain.fate("deep", **{"as": "error"})

    assert result["result"] == "[" * 100_000 + "]" * 100_000
    assert error["status"] == "failed"
    assert error["error"]["name"] == "Runtime.Unknown"
    villain.assert_serves()


# 9.5 The launcher and its door


NO_RIGHT = "Operation not permitted"
CLOSED = "Permission denied"


def test_9_5_signals_do_not_reach_the_launcher(villain: Villain) -> None:
    assert villain.result("signal_launcher") == [NO_RIGHT]
    villain.assert_serves()


def test_9_5_the_launcher_cannot_be_read_nor_stopped(villain: Villain) -> None:
    seen = villain.result("look_into_launcher")

    assert set(seen.values()) <= {NO_RIGHT, CLOSED}, seen
    villain.assert_serves()


def test_9_5_the_launcher_and_the_door_cannot_be_replaced(
    server: LiveServer, villain: Villain
) -> None:
    """All containers have the same launcher, as a file."""
    files = ["/dev/taskdock/launcher", "/dev/taskdock/door", "/dev/taskdock"]
    before = launchers_of(server)

    said = villain.result("replace", paths=files)

    assert set(said.values()) <= {
        "Read-only file system",
        CLOSED,
        "Is a directory",
        "No such device or address",  # a socket is no file
    }, said
    assert launchers_of(server) == before
    villain.assert_serves()


def launchers_of(server: LiveServer) -> set[str]:
    """Digests of those that its containers have."""
    found = list((server.data / "doors").glob("*/launcher"))
    assert found
    return {hashlib.sha256(launcher.read_bytes()).hexdigest() for launcher in found}


HELLO = "!H\0\0\0\x04\0\0\0\x01\0\0\0"
END = "!E\x01\0\0\x10\0\0\0" + "\0" * 16


@pytest.mark.parametrize(
    "first",
    [
        "!",
        HELLO,
        END,
        "r",
        "rGET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
        "t",
        "\xff",
    ],
    ids=["control", "hello", "an end", "runtime", "a poll", "tasks", "no letter"],
)
def test_9_5_only_the_launcher_comes_in_by_the_door(villain: Villain, first: str) -> None:
    answers = villain.result("door", first=first, count=20)

    assert set(answers) <= {"closed"}
    villain.assert_serves()


def test_9_5_callers_at_the_door_that_say_nothing_keep_nobody_out(
    server: LiveServer, brief: Villain, neighbour: Neighbour
) -> None:
    """Behind them its own connections wait; its time ends that."""
    before, opened = neighbour.done, descriptors(server)
    id = brief.service.create(brief.name, {"attack": "door_silence", "count": 500, "seconds": 600})

    most = 0
    while brief.service.task(id)["status"] != "failed":
        most = max(most, descriptors(server))

    assert most - opened < 2 * MAX_CONNECTIONS, "of 500 callers, most are not let in"
    eventually(lambda: neighbour.done > before + 1 or neighbour.wrong, "the neighbour works on")
    brief.assert_recovers()


def descriptors(server: LiveServer) -> int:
    """How many files and connections it has open."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))


@pytest.mark.parametrize("first", ["", "!", "r", "x" * 1000])
def test_9_5_thousands_of_callers_at_the_door_keep_nobody_out(
    brief: Villain, neighbour: Neighbour, first: str
) -> None:
    before = neighbour.done

    brief.fate("flood_door", first=first, seconds=600)

    eventually(lambda: neighbour.done > before + 1 or neighbour.wrong, "the neighbour works on")
    brief.assert_recovers()


def test_9_5_who_kills_all_but_itself_goes_on(brief: Villain) -> None:
    assert brief.result("kill_all") == "alone"
    brief.assert_serves()


def test_9_5_who_kills_all_and_ends_has_ended(brief: Villain) -> None:
    task = brief.fate("kill_all", then="exit")

    assert task["status"] == "failed", task
    assert task["error"]["name"] == "Runtime.ExitError"
    brief.assert_serves()


def test_9_5_who_stops_itself_is_ended_by_the_time_limit(brief: Villain) -> None:
    assert_timed_out(brief, brief.fate("stop_itself"))
    brief.assert_serves()


@pytest.mark.parametrize("hang", [False, True], ids=["answers", "hangs"])
def test_9_5_who_reads_its_own_output_takes_nobody_elses(brief: Villain, hang: bool) -> None:
    task = brief.fate("steal_output", hang=hang)

    if hang:
        assert_timed_out(brief, task)
    else:
        assert task["status"] == "complete"
    eventually(lambda: brief.processes() == 0 or not hang, "who reads has ended")
    brief.assert_serves()


def test_9_5_a_pipe_that_is_made_small_holds_up_nobody_else(villain: Villain) -> None:
    task = villain.fate("narrow_output", lines=3000)

    assert villain.lines(task) == [f"narrow {n}" for n in range(3000)]
    villain.assert_serves()


def test_9_5_words_that_look_like_the_launchers_are_output(villain: Villain) -> None:
    frames = (END[1:] + HELLO[1:]).encode("latin-1") + b"\n"

    task = villain.fate("rubbish", bytes=(frames * 3).hex())

    assert task["status"] == "complete"
    assert "".join(villain.lines(task)).count("E\x01\0\0\x10") == 3
    villain.assert_serves()


# 9.6 The public server


ADMINISTRATION = [
    ("GET", "/users/v1"),
    ("POST", "/users/v1/roles"),
    ("POST", "/users/v1/add_roles"),
    ("GET", "/tasks/v1"),
    ("POST", "/tasks/v1/functions"),
    ("DELETE", "/tasks/v1/functions/accomplice"),
    ("PUT", "/tasks/v1/functions/accomplice"),
]
FORGED = {
    "x-exh-user-id": "000000000000000000000001",
    "x-exh-application-id": "000000000000000000000001",
    "x-exh-permissions": "*",
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-user": "administrator",
    "Host": "localhost",
}


@pytest.fixture(scope="module")
def strict(
    engine: docker.DockerClient,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveServer]:
    data = tmp_path_factory.mktemp("strict") / "data"
    server = LiveServer(engine, data, "--auth", "strict").start()
    try:
        yield server
        server.stop()
    finally:
        server.discard()


@pytest.mark.parametrize(
    "headers",
    [{}, FORGED, {"Authorization": "Bearer x"}, {"Authorization": "OAuth " + "x" * 9000}],
    ids=["none", "forged", "bearer", "signed"],
)
def test_9_6_a_strict_server_refuses_a_function_without_credentials(
    strict: LiveServer, headers: Json
) -> None:
    url, *keys = credentials.read(strict.data).values()
    boss = Person(url, OAuth1(*keys))
    made = boss.ask("POST", "/tasks/v1/functions/", accomplice())
    assert made.ok or made.json()["code"] == 17, made.text  # it may be there already
    data = {"attack": "api", "calls": ADMINISTRATION, "headers": headers}

    task = boss.post("/tasks/v1/functions/accomplice/execute", {"data": data})

    assert set(task["result"]) <= {400, 401, 403}, task["result"]
    assert boss.get("/tasks/v1/functions/accomplice")["name"] == "accomplice"


def accomplice() -> Json:
    code = zipped({"main.py": HOSTILE.read_text()})
    return {
        "name": "accomplice",
        "runtime": "python3.11",
        "entryPoint": "main.handler",
        "code": base64.b64encode(code).decode(),
    }


@pytest.mark.usefixtures("scratch")
def test_9_3_a_full_tmp_is_an_error_of_its_own(villain: Villain) -> None:
    result = villain.result("fill_tmp", megabytes=700)

    assert result.get("failed") == "No space left on device"
    assert result["written"] <= 512
    villain.assert_serves()
