"""Engines of the tests' own, and the images that they are given."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest

from taskdock.base.files import user_folders
from taskdock.engines.docker.images.images import Images
from taskdock.engines.images import ImageRequest
from taskdock.engines.standins import debian
from tests.engines.calls import SAMPLES, SDK
from tests.support.own_engine import OwnEngine, search_path
from tests.support.parts import missing
from tests.support.sdk import installed

StartEngine = Callable[..., OwnEngine]

_TOOLS = ("dockerd", "unshare", "nsenter", "setpriv", "mount")


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Other systems take minutes to make: they are tried only when they are asked for."""
    asked = any("systems" in argument for argument in config.args)
    return True if collection_path.name == "systems" and not asked else None


@pytest.fixture(scope="session")
def own_engines() -> None:
    """For tests that start one."""
    lacking = [tool for tool in _TOOLS if shutil.which(tool, path=search_path()) is None]
    if os.getuid() != 0 or lacking:
        missing(f"root and {', '.join(_TOOLS)}, for an engine of one's own")


@pytest.fixture(scope="session")
def python_image(docker_client: docker.DockerClient, archives: Path) -> Path:
    return _saved(docker_client, "python:3.11", archives)


@pytest.fixture(scope="session")
def node_image(docker_client: docker.DockerClient, archives: Path) -> Path:
    return _saved(docker_client, "nodejs:20", archives)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


def _saved(client: docker.DockerClient, recipe: str, folder: Path) -> Path:
    """A stand-in of this machine's engine, built if need be, as a file that engines can load."""
    reference = Images(client, lambda _: None).find(ImageRequest("", recipe)).reference
    archive = folder / f"{recipe.replace(':', '-')}.tar"
    with archive.open("wb") as file:
        for chunk in client.images.get(reference).save(named=True):
            file.write(chunk)
    return archive


@pytest.fixture(scope="session")
def busybox() -> Path:
    """The program that a container of taskdock's own runs; it cannot be had without a network."""
    return debian.busybox(user_folders.cache(os.environ))


@pytest.fixture(scope="session")
def sdk_sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sample that makes a task through the SDK, with the SDK."""
    folder = tmp_path_factory.mktemp("sample") / SDK
    shutil.copytree(SAMPLES / SDK, folder)
    shutil.copytree(installed() / "node_modules", folder / "src" / "node_modules", symlinks=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start_engine(own_engines: None, busybox: Path) -> Iterator[StartEngine]:
    """Starts an engine with these options of dockerd, for the test alone. The network that it is
    in leads nowhere, so a home there has busybox already."""
    with ExitStack() as started:

        def start(*options: str, **fields: Any) -> OwnEngine:
            engine = started.enter_context(OwnEngine(*options, **fields))
            engine.keep(busybox, ".cache/taskdock/busybox/bin/busybox")
            return engine

        yield start
