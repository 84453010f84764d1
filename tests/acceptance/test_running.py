"""The harness of `taskdock.testing` on a real engine."""

from __future__ import annotations

import docker
import pytest

from taskdock.lambdas.environment.spec import LABEL
from taskdock.testing import Settings, eventually, running
from tests.acceptance.conftest import images  # noqa: F401

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("images")]

CODE = """
def handler(event, context):
    print("hello")
    return event["data"]["wood"]
"""


def test_a_server_in_the_tests_process_runs_real_containers_and_leaves_none(
    engine: docker.DockerClient,
) -> None:
    with running(Settings(prewarm=0)) as dock:
        dock.service.deploy("walnut-table", {"main.py": CODE})
        done = dock.service.execute("walnut-table", {"wood": "oak"})
        label, data = dock.emulator.foundation.folder.label, dock.emulator.foundation.data
        log = dock.service.log(done["id"])
        of_ours = {"label": f"{LABEL}.server={label}"}
        assert len(engine.containers.list(filters=of_ours)) == 1

    assert done["result"] == "oak"
    assert "hello" in log
    assert engine.containers.list(all=True, filters=of_ours) == []
    eventually(lambda: not data.exists(), "the data folder has gone", within=5)
