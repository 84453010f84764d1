"""The oldest Python that is promised, and the newest: the unit tests and the demo with each."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import docker
import pytest

from taskdock.base.files import user_folders
from tests.engines.demo import assert_went_well, shown
from tests.engines.rows import record
from tests.support.live import REPOSITORY
from tests.support.other_python import environment, find
from tests.support.parts import missing

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1500)]

_SECONDS_FOR_TESTS = 800  # on a slow machine with others beside it
_SECONDS_FOR_DEMO = 300  # others may be building what it waits for


@pytest.fixture(params=["3.10", "3.13"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def python(version: str) -> Path:
    """Where this version is not to be had, the row says so, and so does a failure in CI."""
    found = find(version)
    if found is None:
        record(f"Python {version}", "", "not run: there was no such Python")
        missing(f"Python {version}, on the PATH or one of pyenv's or uv's")
    return environment(found, user_folders.cache(os.environ) / "pythons" / version)


@pytest.mark.usefixtures("python_image", "node_image")
def test_the_unit_tests_and_the_demo_pass_on_another_python(
    docker_client: docker.DockerClient, python: Path, version: str, tmp_path: Path
) -> None:
    tests = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS_FOR_TESTS,
        check=False,
    )
    demo = subprocess.run(
        [python, REPOSITORY / "cli.py", "demo", "--data-dir", tmp_path / "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS_FOR_DEMO,
        check=False,
    )

    assert tests.returncode == 0, shown(tests.stdout)
    assert_went_well(demo)
    engine = docker_client.version()["Version"]
    record(f"Python {version}", f"Docker {engine}", "works, the unit tests too")
