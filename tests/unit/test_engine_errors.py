"""Whose fault an engine's error is, and what is said of it."""

from __future__ import annotations

from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from urllib3.exceptions import ProtocolError

from taskdock.base.errors import EngineUnreachable, ImageNotAvailable, StartFailed
from taskdock.engines.docker import faults
from taskdock.engines.docker.containers.removal import is_running, remove

NOT_THERE = requests.ConnectionError(ProtocolError("Connection aborted.", FileNotFoundError(2, "")))
REFUSED = requests.ConnectionError(ProtocolError("aborted", ConnectionRefusedError(111, "refused")))


def said(status: int, words: str) -> APIError:
    return APIError("it refused", SimpleNamespace(status_code=status), words)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NOT_THERE, "the Docker Engine does not answer: no such socket"),
        (REFUSED, "the Docker Engine does not answer: nobody listens there"),
        (requests.ReadTimeout(), "the Docker Engine does not answer: it takes too long"),
        (requests.ConnectionError("gone"), "the Docker Engine does not answer: gone"),
        (
            said(500, "write /var/lib/docker/x: no space left on device"),
            "the Docker Engine cannot work: write /var/lib/docker/x: no space left on device",
        ),
        (
            said(500, "transport: Error while dialing dial unix /run/containerd/containerd.sock"),
            "the Docker Engine cannot work: transport: Error while dialing dial unix"
            " /run/containerd/containerd.sock",
        ),
        (said(HTTPStatus.SERVICE_UNAVAILABLE, "wait"), "the Docker Engine cannot work: wait"),
    ],
)
def test_what_is_the_engines_own(error: Exception, message: str) -> None:
    told = faults.engine_error(error, "the container could not start")

    assert type(told) is EngineUnreachable
    assert told.message == message


@pytest.mark.parametrize(
    "error",
    [
        said(500, "OCI runtime create failed: no such file or directory"),
        said(400, "invalid mount config, no space left on device"),
        ImageNotFound("no such image"),
        DockerException("odd"),
        OSError("our own disk: no space left on device"),
    ],
)
def test_what_lies_in_what_was_asked_for(error: Any) -> None:
    told = faults.engine_error(error, "the container could not start")

    assert type(told) is StartFailed
    assert told.message.startswith("the container could not start: ")


def test_what_was_told_already_stays_so() -> None:
    error = ImageNotAvailable("none")

    assert faults.engine_error(error, "the container could not start") is error


class Answers:
    """An engine that answers with an error whatever is asked of a container."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def inspect_container(self, id: str) -> Any:
        raise self._error

    def remove_container(self, id: str, **_: Any) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        NotFound("No such container: af33"),  # Docker
        said(500, "no container with ID af33 found in database: no such container"),  # Podman 5.4
        said(500, "container af33 does not exist in database: no such container"),  # Podman 4.3
    ],
    ids=["Docker", "Podman 5.4", "Podman 4.3"],
)
def test_a_container_that_is_gone_neither_runs_nor_has_to_be_removed(error: Exception) -> None:
    api: Any = Answers(error)

    assert not is_running(api, "af33")
    remove(api, "af33")


def test_whether_a_container_runs_is_not_guessed_from_another_error() -> None:
    api: Any = Answers(said(500, "the database is locked"))

    with pytest.raises(StartFailed, match="cannot be looked at: the database is locked"):
        is_running(api, "af33")
