"""A real engine that stops while a server uses it: what had begun, what had not, what goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest

from taskdock.testing.waiting import eventually
from tests.engines.conftest import StartEngine
from tests.support.live import LiveServer, ask

pytestmark = [pytest.mark.docker, pytest.mark.long]

CODE = """import time

def handler(event, context):
    print("run", event["id"])
    time.sleep((event.get("data") or {}).get("seconds", 0))
"""


def test_a_stopped_engine_blames_no_function_and_its_queue_goes_on_at_another(
    start_engine: StartEngine,
    python_image: Path,
    docker_client: docker.DockerClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = start_engine()
    engine.load(python_image)
    data = tmp_path / "data"  # the engine's own folder goes with it
    server = LiveServer(docker_client, data, "--concurrency", "1", "--prewarm", "0")
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", engine.address)
        server.start()
    try:
        service = server.service
        service.deploy("walnut-table", {"main.py": CODE})
        begun = service.create("walnut-table", {"seconds": 25})
        waiting = [service.create("walnut-table") for _ in range(5)]
        eventually(lambda: f"run {begun}" in service.log(begun), "it has begun")

        engine.stop()

        error = service.reach(begun, "failed")["error"]
        assert (error["type"], error["name"]) == ("invocation", "zombieTaskCleaned")
        eventually(
            lambda: "engine" in troubles(ask("GET", f"{service.url}/health").json()), "it is told"
        )
        assert ask("GET", f"{service.url}/health").status_code == 503
        eventually(lambda: len(service.tasks("eq(status,new)")) == len(waiting), "the rest waits")
        server.stop()

        server.start()
        ended = server.service.finish(waiting)
        assert {task["status"] for task in ended} == {"complete"}
        assert server.service.log(begun).count(f"run {begun}") == 1
        server.stop()
    finally:
        server.discard()


def troubles(health: dict[str, Any]) -> set[str]:
    """The names of what does not work; beside the engine, perhaps a removal that it refused."""
    return {trouble["name"] for trouble in health["troubles"]}
