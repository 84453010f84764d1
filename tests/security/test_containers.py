"""What a hostile image and a hostile function can do in a container, with real ones."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound

import taskdock
from taskdock.base import ids
from taskdock.base.errors import ImageNotAvailable, StartFailed
from taskdock.base.health import Health
from taskdock.base.settings import NetworkChoice
from taskdock.base.timing.clock import SystemClock
from taskdock.engines.docker import network
from taskdock.engines.docker.containers import image_volumes
from taskdock.engines.docker.containers.creation import GLIMPSE, glimpse, sweep_glimpses
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.images.processors import Processors
from taskdock.engines.ending import Step
from taskdock.engines.images import ImageRequest
from taskdock.testing.clock import ManualClock
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import images  # noqa: F401
from tests.contract.test_engine_contract import (  # noqa: F401
    docker_harness,
    image,
)
from tests.fidelity.test_6_base_images import foreign_image
from tests.support.addresses import own_address
from tests.support.engine_harness import HANGS, Behaviour, DockerHarness, run
from tests.support.live import LiveServer

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(300)]

MB = 1024 * 1024
Built = Callable[..., str]


@pytest.fixture
def built(docker_client: docker.DockerClient, image: str) -> Iterator[Built]:  # noqa: F811
    """Builds images on the stand-in of Python; each is removed at the end."""
    made: list[str] = []

    def built(*instructions: str) -> str:
        tag = f"taskdock-test/{ids.word(8)}:1"
        dockerfile = "\n".join((f"FROM {image}", "USER root", *instructions))
        docker_client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=tag, rm=True)
        made.append(tag)
        return tag

    yield built
    for tag in made:
        docker_client.images.remove(tag, force=True)


def told(harness: DockerHarness, script: str, **fields: Any) -> Any:
    """What a program prints as JSON, in a container with these fields."""
    _, recorder = run(harness, Behaviour(script, lambda _: None), **fields)
    recorder.await_exit()
    assert len(recorder.lines) == 1, recorder.lines
    return json.loads(recorder.lines[0])


# One constructor


def test_containers_are_made_in_one_place_alone() -> None:
    package = Path(taskdock.__file__).parent
    files = [*package.rglob("*.py"), package.parent / "cli.py"]

    found = {
        (file.relative_to(package.parent).as_posix(), call)
        for file in files
        for call in calls_that_make(ast.parse(file.read_text()))
    }

    assert len(files) > 100
    assert found == {("emulator/engines/docker/containers/creation.py", "create_container")}


def calls_that_make(tree: ast.AST) -> Iterator[str]:
    """docker-py's ways to a container, by whatever name the client goes; and the HTTP of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if node.attr in ("create_container", "create_container_from_config"):
                yield node.attr
            owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
            if owner == "containers" and node.attr in ("create", "run"):
                yield f"containers.{node.attr}"
        if isinstance(node, ast.Constant) and "containers/create" in str(node.value):
            yield "containers/create"


@pytest.mark.parametrize(
    "source",
    [
        "client.containers.run('x')",
        "containers.create('x')",
        "self._api.create_container('x')",
        "make = api.create_container",
        "api.post(f'{url}/containers/create')",
    ],
)
def test_another_place_would_be_found(source: str) -> None:
    assert len(list(calls_that_make(ast.parse(source)))) == 1


def test_what_is_there_for_a_moment_has_limits_and_nothing_beside(
    docker_client: docker.DockerClient,
    image: str,  # noqa: F811
) -> None:
    with glimpse(docker_client.api, image, labels={"dev.taskdock.test": "x"}) as id:
        found = docker_client.api.inspect_container(id)

    host = found["HostConfig"]
    assert found["State"]["Status"] == "created"
    assert found["Config"]["User"] == "65534:65534"
    assert found["Config"]["Labels"].items() >= {GLIMPSE: "1", "dev.taskdock.test": "x"}.items()
    assert host["Memory"] == host["MemorySwap"] == 64 * MB
    assert (host["PidsLimit"], host["NetworkMode"], host["CapDrop"]) == (64, "none", ["ALL"])
    assert (host["CapAdd"], host["SecurityOpt"]) == (None, ["no-new-privileges"])
    assert host["ReadonlyRootfs"] is True
    assert host["Privileged"] is False
    with pytest.raises(NotFound):
        docker_client.api.inspect_container(id)


def test_what_fails_meanwhile_leaves_no_container(
    docker_client: docker.DockerClient,
    image: str,  # noqa: F811
) -> None:
    mark = {"dev.taskdock.test": ids.word()}

    with (
        pytest.raises(APIError),
        glimpse(docker_client.api, image, entrypoint=["/no/such"], labels=mark) as id,
    ):
        docker_client.api.start(id)

    assert left_of(docker_client, mark) == []


def test_what_a_killed_process_has_left_for_a_moment_is_swept_and_what_is_new_stays(
    docker_client: docker.DockerClient,
    image: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mark = {"dev.taskdock.test": ids.word()}
    with glimpse(docker_client.api, image, labels=mark) as id:
        sweep_glimpses(docker_client.api)
        (after_now,) = left_of(docker_client, mark)
        only = docker_client.api.containers(all=True, filters={"id": id})
        in_an_hour = ManualClock(SystemClock().now() + timedelta(hours=1))
        monkeypatch.setattr(docker_client.api, "containers", lambda **_: only)
        sweep_glimpses(docker_client.api, in_an_hour)
        monkeypatch.undo()

        assert after_now == id
        assert left_of(docker_client, mark) == []


def left_of(client: docker.DockerClient, labels: dict[str, str]) -> list[str]:
    filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
    return [found["Id"] for found in client.api.containers(all=True, filters=filters)]


# Another processor


def test_of_an_image_for_another_processor_nothing_runs_when_it_is_looked_at(
    docker_client: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, architecture, saved = foreign_image()
    docker_client.images.load(saved)
    made: list[tuple[str, str, dict[str, Any]]] = []
    create = docker_client.api.create_container

    def created(of: str, **fields: Any) -> Any:
        found = create(of, **fields)
        made.append((found["Id"], of, fields))
        return found

    monkeypatch.setattr(docker_client.api, "create_container", created)
    looked_for = Images(docker_client, lambda _: None, cache=tmp_path)
    runs = Processors(docker_client.api).runs(architecture)
    refusal = contextlib.nullcontext() if runs else pytest.raises(ImageNotAvailable)
    try:
        with refusal:
            looked_for.find(ImageRequest(reference))
    finally:
        docker_client.images.remove(reference, force=True)

    assert [of.partition(":")[0] for _, of, _ in made] == ["taskdock/processor"] * 2
    for id, _, fields in made:
        assert fields["host_config"]["NetworkMode"] == "none"
        assert fields["host_config"]["Memory"] == 64 * MB
        with pytest.raises(NotFound):
            docker_client.api.inspect_container(id)


def test_programs_of_the_engines_own_processor_run(docker_client: docker.DockerClient) -> None:
    own = docker_client.version()["Arch"]

    assert Processors(docker_client.api).runs(own) is True
    assert Processors(docker_client.api).runs("s390x") is None


# What an image may bring along


def test_an_images_health_check_does_not_run(
    docker_client: docker.DockerClient,
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,
) -> None:
    """An engine would run it as root, beside the launcher and with its capabilities."""
    tag = built("HEALTHCHECK --interval=1s CMD touch /tmp/checked")

    container, recorder = run(docker_harness, HANGS, image=tag)
    recorder.await_line("hanging")
    found = docker_client.api.inspect_container(container.id)

    assert found["Config"]["Healthcheck"]["Test"] == ["NONE"]
    assert "Health" not in found["State"]


def test_only_a_program_is_in_an_images_working_directory(
    docker_client: docker.DockerClient,
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,
) -> None:
    """Runtimes of containers have been led out of them by one (CVE-2024-21626)."""
    usual, hostile = built("WORKDIR /srv/here"), built("WORKDIR /proc/self/fd/8")
    where = "import json, os; print(json.dumps(os.getcwd()))"

    found = told(docker_harness, where, image=usual)
    container, recorder = run(docker_harness, HANGS, image=hostile)
    exit = recorder.await_exit()

    assert found == "/srv/here"
    assert docker_client.api.inspect_container(container.id)["Config"]["WorkingDir"] == "/"
    assert exit.fault is not None
    assert (exit.fault.step, exit.fault.path) == (Step.WORKING_DIRECTORY, "/proc/self/fd/8")


WRITES = """
import json, os
def tries(path):
    try:
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/new", "w") as file:
            file.write("x")
    except OSError as error:
        return error.strerror
    return "written"
print(json.dumps({path: tries(path) for path in PATHS}))
"""
SHUT = "Read-only file system"


@pytest.mark.parametrize(
    "volume",
    ["/data", "data", "//data", "/data/../data", "/link", "/srv", "/var/task"],
)
def test_an_images_volume_is_not_a_disk_without_a_limit(
    docker_client: docker.DockerClient,
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,
    volume: str,
) -> None:
    tag = built(
        "RUN mkdir -p /data /srv/real /var/task && ln -s /srv/real /link && echo oak > /data/wood"
        " && chmod 777 /data /srv /srv/real /var/task",
        f'VOLUME ["{volume}"]',
    )
    script = f"PATHS = ['/data', '/srv/real', '/var/task', '/tmp']\n{WRITES}"
    before = {each["Name"] for each in docker_client.api.volumes()["Volumes"] or []}

    written = told(docker_harness, script, image=tag)
    content = told(
        docker_harness, "import json; print(json.dumps(open('/data/wood').read()))", image=tag
    )
    names = set(docker_harness.volumes())
    docker_harness.engine.sweep(docker_harness.label)

    assert written == dict.fromkeys(["/data", "/srv/real", "/var/task"], SHUT) | {"/tmp": "written"}
    assert content == "oak\n"
    assert not names & before
    eventually(lambda: not any(docker_harness.volume_exists(name) for name in names))


@pytest.mark.parametrize("volumes", [["/tmp"], ["/tmp/x"], ["/tmp", "/tmp/x/../x"]])
def test_a_volume_in_tmp_is_empty_and_can_be_written_as_tmp_can(
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,
    volumes: list[str],
) -> None:
    tag = built("RUN mkdir -p /tmp/x && echo oak > /tmp/x/wood", f"VOLUME {json.dumps(volumes)}")
    script = f"""PATHS = ['/tmp', '/tmp/x']\n{WRITES.replace("print(", "written = (")}
size = os.statvfs("/tmp/x")
found = [sorted(os.listdir("/tmp/x")), size.f_blocks * size.f_frsize <= 512 << 20]
print(json.dumps([json.loads(written), found]))"""

    written, found = told(docker_harness, script, image=tag, storage=32)

    assert written == {"/tmp": "written", "/tmp/x": "written"}
    assert found[0] == ["new"]
    if volumes != ["/tmp"]:
        assert found[1]


@pytest.mark.parametrize(
    "volume",
    ["/", "", "//", "/dev", "/dev/", "proc", "/proc/self", "/x/../sys", "/dev/taskdock/launcher"],
)
def test_a_volume_in_the_place_of_what_a_container_needs_is_seen(volume: str) -> None:
    assert "in the place of what a container needs" in (image_volumes.fault([volume]) or "")


@pytest.mark.parametrize("volume", ["/proc", "/dev/taskdock/x"])
def test_a_volume_in_the_place_of_what_a_container_needs_is_refused_by_its_name(
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,
    volume: str,
) -> None:
    tag = built(f'VOLUME ["{volume}"]')

    with pytest.raises(StartFailed) as refusal:
        run(docker_harness, HANGS, image=tag)

    assert f"the image has a VOLUME at '{volume}'" in refusal.value.message
    assert docker_harness.present() == 0


def test_a_volume_over_the_door_does_not_open_it(
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,
) -> None:
    tag = built("RUN mkdir -p /dev/taskdock", 'VOLUME ["/dev/taskdock"]')

    written = told(docker_harness, f"PATHS = ['/dev/taskdock']\n{WRITES}", image=tag)

    assert written == {"/dev/taskdock": SHUT}


def test_an_engine_that_does_not_keep_a_volume_read_only_runs_nothing() -> None:
    mount = {"Type": "volume", "Destination": "/data", "RW": True}

    with pytest.raises(StartFailed, match="VOLUME at '/data', which this engine does not make"):
        image_volumes.check({"Mounts": [{**mount, "Destination": "/tmp"}, mount]})

    image_volumes.check({"Mounts": [{**mount, "Destination": "/tmp"}, {**mount, "RW": False}]})


def test_many_containers_of_an_image_with_volumes_start_side_by_side_and_leave_none(
    docker_harness: DockerHarness,  # noqa: F811
    built: Built,
) -> None:
    tag = built('VOLUME ["/data"]')

    with ThreadPoolExecutor(4) as starters:
        started = list(starters.map(lambda _: run(docker_harness, HANGS, image=tag), range(4)))
    for _, recorder in started:
        recorder.await_line("hanging")
    names = docker_harness.volumes()
    for container, _ in started:
        container.remove()

    assert len(set(names)) == 8
    eventually(lambda: not any(docker_harness.volume_exists(name) for name in names))
    assert docker_harness.present() == 0


# The network


class Apart:
    """An engine whose containers are in a network of taskdock's own."""

    def __init__(
        self,
        client: docker.DockerClient,
        image: str,  # noqa: F811
        folder: Path,
        name: str,
    ) -> None:
        self.health = Health()
        self.name = name
        self.api = client.api
        self._harness = DockerHarness(client, image, folder / "doors")
        self._harness.engine = DockerEngine(
            client,
            folder / "doors",
            health=self.health,
            network=NetworkChoice.ISOLATED,
            network_name=name,
        )

    @property
    def engine(self) -> DockerEngine:
        assert isinstance(self._harness.engine, DockerEngine)
        return self._harness.engine

    def start(self) -> tuple[Any, Any]:
        container, recorder = run(self._harness, HANGS)
        recorder.await_line("hanging")
        return container, recorder

    def tell(self, script: str) -> Any:
        return told(self._harness, script)

    def address(self, container: Any) -> str:
        (network,) = self.api.inspect_container(container.id)["NetworkSettings"][
            "Networks"
        ].values()
        return str(network["IPAddress"])

    def network(self) -> str:
        return str(self.api.inspect_network(self.name)["Id"])

    def close(self) -> None:
        self._harness.close()


@pytest.fixture
def apart(
    docker_client: docker.DockerClient,
    image: str,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Apart]:
    """Its network is the test's own: servers of others may use taskdock's."""
    name = f"taskdock-test-{ids.word()}"
    apart = Apart(docker_client, image, tmp_path_factory.mktemp("apart"), name)
    yield apart
    apart.close()
    eventually(lambda: not any(each.name == "isolation" for each in threading.enumerate()))
    with contextlib.suppress(NotFound):
        docker_client.api.remove_network(name)


CALLS = """
import json, socket
def call(address):
    try:
        socket.create_connection((ADDRESS, 9), timeout=2).close()
    except OSError as error:
        return error.errno or "silence"
    return "answered"
print(json.dumps(call(ADDRESS)))
"""
REFUSED = 111  # Linux's number


def test_in_a_network_of_its_own_a_container_does_not_reach_another(apart: Apart) -> None:
    container, _ = apart.start()

    met = apart.tell(f"ADDRESS = {apart.address(container)!r}\n{CALLS}")

    assert met == "silence"
    assert network.ISOLATION not in [trouble.name for trouble in apart.health.troubles()]


def test_in_a_network_of_its_own_a_container_reaches_others_and_has_a_name_server(
    apart: Apart,
) -> None:
    """The way to other machines is that to this one's other address. Who is out there is not asked:
    a test has no internet."""
    with socket.create_server((own_address(), 0)) as listening:
        where = listening.getsockname()
        met = apart.tell(f"WHERE = {where!r}\n{LOOKS_OUT}")

    seen = apart.api.inspect_network(apart.name)
    masquerades = seen["Options"].get("com.docker.network.bridge.enable_ip_masquerade", "true")
    assert met == {"call": "answered", "name servers": ["127.0.0.11"]}
    assert (seen["Internal"], masquerades) == (False, "true")


LOOKS_OUT = """
import json, pathlib, socket
try:
    socket.create_connection(WHERE, timeout=5).close()
    call = "answered"
except OSError as error:
    call = str(error)
lines = pathlib.Path("/etc/resolv.conf").read_text().splitlines()
servers = [line.split()[1] for line in lines if line.startswith("nameserver")]
print(json.dumps({"call": call, "name servers": servers}))
"""


def test_where_containers_do_reach_each_other_that_is_told(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine without a firewall says that its network keeps them apart, and it does not."""
    monkeypatch.setattr(network.Network, "_ensure", lambda self: setattr(self, "_made", True))
    monkeypatch.setattr(apart.engine._network, "_name", "bridge")

    apart.start()

    (trouble,) = eventually(apart.health.troubles)
    assert trouble.name == network.ISOLATION
    assert "does not keep them apart" in trouble.reason
    assert trouble.degraded


def test_a_network_that_was_removed_is_made_anew(apart: Apart) -> None:
    container, _ = apart.start()
    before = apart.network()
    eventually(lambda: not any(each.name == "isolation" for each in threading.enumerate()))
    container.remove()
    apart.api.remove_network(before)

    apart.start()

    assert apart.network() != before


def test_where_no_network_can_be_made_containers_run_in_the_engines_and_that_is_told(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise APIError("all predefined address pools have been fully subnetted")

    monkeypatch.setattr(apart.api, "create_network", refuse)

    container, _ = apart.start()

    (trouble,) = apart.health.troubles()
    assert "all predefined address pools" in trouble.reason
    (used,) = apart.api.inspect_container(container.id)["NetworkSettings"]["Networks"]
    assert used != apart.name


def test_a_network_of_that_name_that_is_another_is_not_taken_for_it(apart: Apart) -> None:
    made = apart.api.create_network(apart.name)
    try:
        apart.start()
    finally:
        apart.api.remove_network(made["Id"])

    (trouble,) = apart.health.troubles()
    assert f"docker network rm {apart.name}" in trouble.reason


def test_without_a_network_a_function_reaches_this_server_and_nothing_else(
    docker_client: docker.DockerClient,
    images: None,  # noqa: F811
    tmp_path: Path,
) -> None:
    server = LiveServer(docker_client, tmp_path / "data", "--network", "none").start()
    try:
        name = server.service.deploy("alone", {"main.py": ALONE})
        answer = server.service.execute(name)
        server.stop()
    finally:
        server.discard()

    assert answer["result"] == {"devices": ["lo"], "server": 200, "elsewhere": 101}  # ENETUNREACH


ALONE = """
import os, socket, urllib.request

def handler(event, context):
    devices = [name for _, name in socket.if_nameindex()]
    answer = urllib.request.urlopen("http://localhost:9002/health", timeout=20)
    try:
        elsewhere = socket.create_connection(("192.0.2.1", 80), timeout=5)
    except OSError as error:
        elsewhere = error.errno
    return {"devices": devices, "server": answer.status, "elsewhere": elsewhere}
"""
