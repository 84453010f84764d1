"""With real containers: a folder that is closed to others, and code that leads elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from taskdock.engines.docker.locate import find_engine
from tests.support.foreign_folder import mode
from tests.support.live import LiveServer, make_images

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(300)]

SHOWS_ITS_CODE = """
import os


def handler(event, context):
    return sorted(os.listdir("/var/task"))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    make_images("python3.11")
    engine = docker.DockerClient(base_url=find_engine(os.environ))
    server = LiveServer(engine, tmp_path / "data").start()
    yield server
    server.discard()
    engine.close()


def test_functions_run_from_a_folder_that_is_closed_to_others(server: LiveServer) -> None:
    server.service.deploy("oak", {"main.py": SHOWS_ITS_CODE})

    assert server.service.execute("oak")["result"] == ["main.py"]

    data = server.data
    assert (mode(data), mode(data / "taskdock.db"), mode(data / "code")) == (0o700, 0o600, 0o700)


@pytest.mark.parametrize("when", ["while it runs", "before it starts"])
def test_no_container_is_shown_what_a_link_in_place_of_code_leads_to(
    server: LiveServer, tmp_path: Path, when: str
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious").touch()
    server.service.deploy("oak", {"main.py": SHOWS_ITS_CODE})
    (unpacked,) = (each for each in (server.data / "code").iterdir() if len(each.name) == 64)
    if when == "before it starts":
        server.stop()

    shutil.move(unpacked, tmp_path / "outside")
    unpacked.symlink_to(tmp_path / "outside")
    if when == "before it starts":
        server.start()
    answer = server.service.execute("oak")

    assert "is a symbolic link where taskdock has a folder of its own" in answer["message"]
    assert (tmp_path / "outside" / "precious").exists()
    server.stop()
