"""Fixtures for all tests: the Docker Engine of this machine, and disks for its containers."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Iterator

import docker
import pytest
from hypothesis import settings

from taskdock.base.errors import EngineUnreachable
from taskdock.engines.docker.client import connect
from taskdock.engines.docker.locate import find_engine
from taskdock.engines.linux.scratch_disk import LoopScratch, open_scratch
from tests.support import answers
from tests.support.parts import missing

# No example is late on a slow machine. In CI they are the same each time, so that a change is red
# for what it changes; at home there are new ones.
settings.register_profile(
    "here", deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test first needs an image may have to wait until that is made."""
    for item in items:
        if item.get_closest_marker("docker") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))


_EXIT_LIMIT = 90.0  # seconds; more than any test's own patience


def pytest_unconfigure(config: pytest.Config) -> None:
    """Python waits for threads at its end, for ever: one that a test has left behind is shown, and
    the run ends and has failed. Workers wait for others that have tests, and are then ended."""
    if hasattr(config, "workerinput"):
        return
    faulthandler.dump_traceback_later(_EXIT_LIMIT, exit=True, file=sys.__stderr__)


@pytest.fixture(autouse=True)
def every_refusal_is_looked_at() -> Iterator[None]:
    yield
    assert answers.overlooked() == []


@pytest.fixture(scope="session")
def docker_client() -> Iterator[docker.DockerClient]:
    try:
        client = connect(find_engine(os.environ))
        client.ping()
    except EngineUnreachable as error:
        missing(f"a Docker Engine: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def usual_scratch(tmp_path_factory: pytest.TempPathFactory) -> LoopScratch | str:
    """What a server has: disks, or the reason why there are none."""
    return open_scratch(tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="session")
def scratch(usual_scratch: LoopScratch | str) -> LoopScratch:
    """For tests of the disks themselves."""
    if not isinstance(usual_scratch, LoopScratch):
        missing(f"disks for /tmp: {usual_scratch}")
    return usual_scratch
