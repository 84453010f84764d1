"""The first minute on machines unlike this one: the demo, from nothing, where it has to work."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from taskdock.engines.docker.locate import find_engine
from tests.engines.conftest import StartEngine
from tests.engines.demo import assert_went_well
from tests.engines.rows import record
from tests.support import another_user
from tests.support.later_api import later_api
from tests.support.live import COMMAND
from tests.support.own_engine import search_path

pytestmark = pytest.mark.docker


def test_the_demo_works_at_an_engines_first_start_ever(
    start_engine: StartEngine, python_image: Path, node_image: Path
) -> None:
    engine = start_engine()
    engine.load(python_image, node_image)

    assert_went_well(engine.demo())

    record("first start", f"Docker {engine.version}", "works")


@pytest.fixture
def later(docker_client: docker.DockerClient, tmp_path: Path) -> Iterator[str]:
    """This machine's engine, as if it was Docker 29."""
    with later_api(find_engine(os.environ), tmp_path) as address:
        yield address


@pytest.mark.usefixtures("python_image", "node_image")
def test_the_demo_works_where_the_engine_leaves_out_what_is_empty(
    later: str, tmp_path: Path
) -> None:
    client = docker.DockerClient(base_url=later, version="auto")
    api = client.api._version
    config = client.images.get("taskdock/standin-python:3.11").attrs["Config"]
    client.close()
    assert api == "1.52"
    assert "Cmd" not in config
    assert "Entrypoint" in config

    demo = subprocess.run(
        [*COMMAND, "demo", "--data-dir", str(tmp_path / "demo")],
        env={**os.environ, "DOCKER_HOST": later},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )

    assert_went_well(demo)
    record("API 1.52", f"API {api}", "works")


@pytest.fixture
def others_home() -> Iterator[Path]:
    """Of a user whom nobody knows, where the engine and that user can read it."""
    folder = Path(tempfile.mkdtemp(prefix="other-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    os.chown(home, another_user.ID, another_user.ID)
    yield home
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.usefixtures("own_engines", "python_image", "node_image")
def test_the_demo_works_for_a_user_who_is_not_root(
    docker_client: docker.DockerClient, others_home: Path
) -> None:
    address = find_engine(os.environ)
    bound = others_home.with_name("bound")
    bound.mkdir()
    group = os.stat(address.removeprefix("unix://")).st_gid
    words = ("demo", "--data-dir", str(others_home / "demo"))

    demo = subprocess.run(
        another_user.taskdock(bound, *words, groups=(group,)),
        env={"PATH": search_path(), "HOME": str(others_home), "DOCKER_HOST": address},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )

    assert_went_well(demo)
    assert "the size of /tmp is not limited: " in demo.stdout
    record("not root", f"Docker {docker_client.version()['Version']}", "works; /tmp has no limit")
