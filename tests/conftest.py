"""Fixtures for all tests: the Docker Engine of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import docker
import pytest

from emulator.engines.docker import connect
from emulator.engines.locate import find_engine
from emulator.errors import EngineUnreachable


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    """Where there is no engine, tests that need one are skipped at home and fail in CI."""
    try:
        client = connect(find_engine(os.environ))
        client.ping()
    except EngineUnreachable as error:
        if os.environ.get("CI"):
            pytest.fail(f"CI needs a Docker Engine: {error}")
        pytest.skip(str(error))
    yield client
    client.close()
