"""Functions that fail in real containers: taskdock run ends with the block that is recorded."""

from __future__ import annotations

import pytest

from taskdock.client.api import TaskService
from taskdock.client.deployment.deploy import deploy
from tests.support.failures import RECORDED, request_of
from tests.support.live import CommandLine, LiveServer

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

CASES = (
    "node-syntax-imported",
    "node-syntax-imported-esm",
    "node-missing-module-esm",
    "node-esm-in-imported-js",
    "node-permission",
    "node24-syntax-imported-esm",
    "python-handler-function",
    "python-error-in-imported-file",
    "python-service-not-here",
)
"""What only a container proves: what runtimes say, and what the server is asked for behind it."""


@pytest.mark.parametrize("name", CASES)
def test_the_block_of_a_real_failure_is_as_recorded(
    server: LiveServer, taskdock: CommandLine, name: str
) -> None:
    case = RECORDED[name]
    deploy(TaskService(server.service.url), request_of(name, case))
    data = () if case["data"] is None else ("-e", "-")

    done = taskdock("run", name, "--log", "none", *data, stdin='{"grams": 5, "parcels": 0}')

    *block, where = done.stderr.splitlines()
    assert block == case["block"]
    assert where.startswith("its log: taskdock logs ")
    assert (done.returncode, done.stdout) == (1, "")
