"""Fixtures for all tests: the Docker Engine of this machine, and disks for its containers."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Iterator

import docker
import pytest

from emulator.engines.docker import connect
from emulator.engines.freezer import Freezer
from emulator.engines.locate import find_engine
from emulator.engines.scratch import LoopScratch, open_scratch
from emulator.errors import EngineUnreachable

_EXIT_LIMIT = 90.0  # seconds; more than any test's own patience


def pytest_unconfigure() -> None:
    """Python waits for threads at its end, for ever: one that a test has left behind is shown, and
    the run ends and has failed."""
    faulthandler.dump_traceback_later(_EXIT_LIMIT, exit=True, file=sys.__stderr__)


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


@pytest.fixture(scope="session")
def usual_scratch(tmp_path_factory: pytest.TempPathFactory) -> LoopScratch | str:
    """What a server has: disks, or the reason why there are none."""
    return open_scratch(tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="session")
def scratch(usual_scratch: LoopScratch | str) -> LoopScratch:
    """For tests of the disks themselves: skipped where there are none at home, failing in CI."""
    if isinstance(usual_scratch, LoopScratch):
        return usual_scratch
    if os.environ.get("CI"):
        pytest.fail(f"CI needs scratch disks: {usual_scratch}")
    pytest.skip(usual_scratch)


@pytest.fixture
def kernel_freezer() -> None:
    """For tests of the kernel's freezer: skipped where there is none at home, failing in CI."""
    if Freezer().works:
        return
    if os.environ.get("CI"):
        pytest.fail("CI needs the kernel's freezer")
    pytest.skip("the kernel's freezer cannot be written")
