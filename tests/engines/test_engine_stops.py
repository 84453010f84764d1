"""An engine that is stopped while containers of ours run, as at a reboot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from taskdock.engines.docker.client import connect
from taskdock.testing.waiting import eventually
from tests.engines.conftest import StartEngine
from tests.support.engine_harness import HANGS, DockerHarness, run

pytestmark = pytest.mark.docker

CONTAINERS = 6
HARD_WAY = "failed to exit within"
"""What dockerd says before it kills a container that did not end when it was asked to."""


def test_containers_end_when_their_engine_asks_them_to(
    start_engine: StartEngine, python_image: Path
) -> None:
    engine = start_engine("--debug")
    engine.load(python_image)
    (image,) = engine.images()
    client = connect(engine.address)
    harness = DockerHarness(client, image, engine.folder / "doors")
    containers = [run(harness, HANGS) for _ in range(CONTAINERS)]
    for _, recorder in containers:
        eventually(lambda: recorder.told, "its program runs")  # noqa: B023
    for remote, _ in containers[::2]:
        remote.freeze()

    said = engine.stop()

    for _, recorder in containers:
        eventually(lambda: ("gone", None) in recorder.told, "its end")  # noqa: B023
    harness.engine.close()
    harness.reactor.stop()
    ended = re.findall(r"shut down container.* container=(\w+)", said)
    assert set(ended) == {remote.id for remote, _ in containers}
    assert HARD_WAY not in said
