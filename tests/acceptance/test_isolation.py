"""What a function cannot do to its container, its neighbours and the machine."""

from __future__ import annotations

import socket
from typing import Any

import docker
import pytest

from emulator.engines.docker import DockerEngine
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
    ("method", "path"),
    [
        ("GET", "/2018-06-01/runtime/invocation/next"),
        ("POST", "/2018-06-01/runtime/invocation/1/response"),
        ("POST", "/2018-06-01/runtime/init/error"),
    ],
)
def test_the_runtime_api_knows_nobody_by_a_guessed_name(
    service: TaskService, name: str, method: str, path: str
) -> None:
    address = _result(service, name, do="address")
    own = address["host"].partition(".")[0]
    guesses = [
        "",
        "localhost",
        "lambda",
        address["ip"],
        f"{own[:-1]}.lambda",
        f"{own.upper()}x.lambda",
        f"x.{own}.lambda",
        f"{'0' * len(own)}.lambda",
        "*.lambda",
    ]

    answers = _result(service, name, do="knock", hosts=guesses, method=method, path=path)

    assert answers == dict.fromkeys(guesses, 404)


def test_the_runtime_api_is_for_containers_only(
    service: TaskService, engine: docker.DockerClient, name: str
) -> None:
    address = _result(service, name, do="address")

    assert address["ip"] in [way.reach for way in DockerEngine(engine).ways]
    for loopback in ("127.0.0.1", "::1"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((loopback, address["port"]), timeout=3).close()


def _result(service: TaskService, name: str, **data: object) -> Any:
    answer = service.execute(name, data)
    assert "result" in answer, answer
    return answer["result"]
