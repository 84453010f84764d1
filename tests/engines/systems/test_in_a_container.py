"""taskdock in a container: beside the engine's socket, by compose, and beside an engine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.containers import Container

from taskdock.testing.waiting import eventually
from tests.engines.calls import HELLO, SAMPLES, call_back, succeed
from tests.engines.conftest import StartEngine
from tests.engines.demo import assert_went_well
from tests.engines.rows import record
from tests.engines.systems.test_engines import PODMAN
from tests.support import container_image
from tests.support.live import REPOSITORY
from tests.support.machine import system
from tests.support.own_engine import OwnEngine

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(1200),
    pytest.mark.xdist_group("in a container"),  # one makes the image for all of them
]

PORT = 8080
URL = f"http://127.0.0.1:{PORT}"
SOCKET = "/var/run/docker.sock"
_COMPOSE = "docker.io,docker-cli,docker-compose,iptables,ca-certificates,procps"
_SECONDS_TO_BEGIN = 90
_SECONDS_TO_STOP = 40


@pytest.fixture(scope="session")
def itself(docker_client: docker.DockerClient, archives: Path) -> Iterator[Path]:
    """The image of taskdock itself, as a file that engines can load."""
    with container_image.built(docker_client) as name:
        yield container_image.copied(docker_client, name, archives)


def test_compose_starts_it_beside_the_engines_socket(
    start_engine: StartEngine, itself: Path, python_image: Path, node_image: Path, sdk_sample: Path
) -> None:
    engine = start_engine(root=system("compose", "trixie", _COMPOSE), limit=1190)
    engine.load(itself, python_image, node_image)
    client = docker.DockerClient(base_url=engine.address)
    client.images.get(container_image.NAME).tag("taskdock")
    project = engine.folder / "project"
    project.mkdir()
    shutil.copy(REPOSITORY / "compose.yaml", project)

    compose(engine, project, "up", "--detach", "--no-build", "taskdock")
    (container,) = client.containers.list()
    serve_well(engine, container, sdk_sample)
    eventually(lambda: _is_healthy(container), "its health", within=_SECONDS_TO_BEGIN)
    compose(engine, project, "down", "--volumes")

    assert client.containers.list(all=True) == []
    client.close()
    record("in a container", engine.name, "works: calls back, the SDK inside, the demo")


def compose(engine: OwnEngine, project: Path, *words: str) -> None:
    """docker-compose of the engine's own system."""
    files = f"--target={(engine.folder / 'pid').read_text().strip()}"
    done = engine.run(
        *("nsenter", files, "--mount", "--wd=/", "docker-compose", "--project-directory"),
        *(str(project), *words),
        environment={"DOCKER_SOCKET": engine.address.removeprefix("unix://")},
    )
    assert done.returncode == 0, done.stdout


def test_it_runs_beside_the_socket_of_podman(
    start_engine: StartEngine, itself: Path, python_image: Path, node_image: Path, sdk_sample: Path
) -> None:
    root = system("podman-trixie", "trixie", f"{PODMAN},passt")
    engine = start_engine(root=root, program="podman", limit=1190)
    engine.load(itself, python_image, node_image)
    client = docker.DockerClient(base_url=engine.address)

    container = client.containers.run(
        container_image.NAME,
        detach=True,
        hostname="any",
        network_mode="host",
        volumes=["data:/data", f"{engine.address.removeprefix('unix://')}:{SOCKET}"],
    )
    serve_well(engine, container, sdk_sample)
    stop(client, container)

    client.close()
    record("in a container, Podman", engine.name, "works: calls back, the SDK inside, the demo")


def test_it_runs_in_one_container_and_its_engine_elsewhere(
    start_engine: StartEngine, itself: Path, python_image: Path, node_image: Path, sdk_sample: Path
) -> None:
    outer, engine = start_engine(limit=1190), start_engine(limit=1190)
    outer.load(itself)
    engine.load(python_image, node_image)
    shared = engine.folder / "shared"
    shared.mkdir()
    client = docker.DockerClient(base_url=outer.address)

    container = client.containers.run(
        container_image.NAME,
        detach=True,
        ports={PORT: ("127.0.0.1", PORT)},
        environment={
            "DOCKER_HOST": "unix:///engine/docker.sock",
            "TASKDOCK_DATA_DIR": str(shared),
            "TASKDOCK_OPEN_BEYOND_LOOPBACK": "true",
        },
        volumes=[
            f"{shared}:{shared}",
            f"{engine.address.removeprefix('unix://')}:/engine/docker.sock",
        ],
    )
    serve_well(outer, container, sdk_sample, data=str(shared))
    stop(client, container)

    client.close()
    record("an engine beside", engine.name, "works: calls back, the SDK inside, the demo")


def serve_well(
    engine: OwnEngine, container: Container, sdk_sample: Path, data: str = "/data"
) -> None:
    """Functions run there, call back, and the demo works. `engine`: whose network is published."""
    eventually(lambda: _serves(container), "a server in a container", within=_SECONDS_TO_BEGIN)
    for sample in (SAMPLES / HELLO, sdk_sample):
        succeed(engine, URL, "deploy", str(sample))
    call_back(engine, URL)
    code, output = container.exec_run(["taskdock", "demo", "--data-dir", f"{data}/demo"])
    assert_went_well(subprocess.CompletedProcess([], code, stdout=output.decode()))


def _serves(container: Container) -> bool:
    """By the command of the image's own check: Podman makes no checks without systemd."""
    container.reload()
    assert container.status == "running", container.logs().decode()
    check = container.attrs["Config"]["Healthcheck"]["Test"]
    return int(container.exec_run(check[1:]).exit_code) == 0


def _is_healthy(container: Container) -> bool:
    container.reload()
    return bool(container.attrs["State"]["Health"]["Status"] == "healthy")


def stop(client: docker.DockerClient, container: Container) -> None:
    """It ends by itself, and so do all containers of its own."""
    container.stop(timeout=_SECONDS_TO_STOP)
    code = container.wait()["StatusCode"]
    assert code == 0, container.logs().decode()
    container.remove(v=True)
    assert client.containers.list(all=True) == []
