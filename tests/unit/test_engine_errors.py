"""Whose fault an engine's error is, and what is said of it."""

from __future__ import annotations

from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound
from urllib3.exceptions import ProtocolError

from taskdock.base.errors import EngineUnreachable, ImageNotAvailable, StartFailed
from taskdock.engines.docker import faults

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
