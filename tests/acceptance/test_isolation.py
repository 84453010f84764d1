"""What a function cannot do to its container, its neighbours and the machine."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.support.live import LiveServer, TaskService, source

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

MOST_PROCESSES = 1024


@pytest.fixture(scope="module")
def name(server: LiveServer) -> str:
    return server.service.deploy("inside", source("inside"), memoryLimit=256)


def test_a_function_is_lambdas_user_without_any_privilege(service: TaskService, name: str) -> None:
    described = _result(service, name, do="describe")

    assert (described["uid"], described["gid"]) == (993, 990)
    assert set(described["groups"]) <= {990}
    assert described["capabilities"].pop("CapBnd") == "00000000000000e0"  # of no use without root
    assert {int(bits, 16) for bits in described["capabilities"].values()} == {0}
    assert described["noNewPrivileges"] == "1"


def test_a_function_writes_to_tmp_only(service: TaskService, name: str) -> None:
    closed = ["/", "/var/task", "/var/runtime", "/opt", "/etc", "/usr/bin", "/home"]

    written = _result(service, name, do="write", folders=["/tmp", *closed])

    assert written.pop("/tmp") == "ok"
    assert set(written) == set(closed)
    assert set(written.values()) == {"EROFS"}


def test_what_a_function_writes_to_tmp_is_its_own(service: TaskService, name: str) -> None:
    service.deploy("other", source("inside"))
    _result(service, name, do="write", folders=["/tmp"])

    assert _result(service, "other", do="list", folder="/tmp") == []


def test_a_function_cannot_fill_the_process_table(service: TaskService, name: str) -> None:
    started = _result(service, name, do="threads", most=2 * MOST_PROCESSES)

    assert MOST_PROCESSES // 2 < started < MOST_PROCESSES
    assert _result(service, name, do="describe")["uid"] == 993


@pytest.mark.parametrize(
    "called", ["", "localhost", "nobody.lambda", "127.0.0.1", "another-function.lambda"]
)
def test_whatever_a_function_calls_the_runtime_api_it_speaks_for_itself_alone(
    service: TaskService, name: str, called: str
) -> None:
    path = "/2018-06-01/runtime/invocation/1/response"
    answers = _result(service, name, do="knock", hosts=[called], method="POST", path=path)

    assert answers == {called: 400}  # its own environment has no such invocation


def test_a_server_listens_on_loopback_alone(server: LiveServer, name: str) -> None:
    """At the port of its API and nowhere else, while a function has a container."""
    listening = _listening(server.pid)

    assert {f"http://localhost:{port}" for _, port in listening} == {server.service.url}
    assert {address for address, _ in listening} <= {"127.0.0.1", "::1"}


def _listening(process: int) -> set[tuple[str, int]]:
    """The addresses and ports at which a process takes connections of the network."""
    command = ["ss", "--listening", "--tcp", "--numeric", "--processes", "--no-header"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    own = [line.split() for line in listed.splitlines() if f"pid={process}," in line]
    places = [line[3].rpartition(":") for line in own]
    return {(address.strip("[]"), int(port)) for address, _, port in places}


def _result(service: TaskService, name: str, **data: object) -> Any:
    answer = service.execute(name, data)
    assert "result" in answer, answer
    return answer["result"]
