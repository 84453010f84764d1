"""Where the engine has what we see: from mountinfo and descriptions of containers as recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, NotFound

from taskdock.base.errors import EngineUnreachable
from taskdock.engines.docker.transports.paths import (
    EnginePaths,
    OwnMount,
    own_id,
    own_mounts,
    read_mounts,
)

ID = "218326a41b4b0aa627fae86bafe1412618073394e82822ba7188dc12dd407ad0"

DOCKER = f"""\
83 54 0:44 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A
100 83 254:0 /var/lib/docker/volumes/t/_data /data rw,relatime master:1 - ext4 /dev/vda rw
101 83 254:0 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw
102 83 254:0 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/vda rw
103 83 254:0 /var/lib/docker/containers/{ID}/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
"""
OWN_DISK = f"101 83 254:16 /containers/{ID}/hosts /etc/hosts rw,relatime - ext4 /dev/vdb rw\n"
PODMAN = f"""\
134 91 0:51 / / rw,relatime - overlay overlay rw
142 134 0:40 /containers/storage/overlay-containers/{ID}/userdata/hosts /etc/hosts rw - tmpfs t rw
"""
MACHINE = f"""\
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
77 28 0:44 / /var/lib/docker/overlay2/{ID}/merged rw,relatime - overlay overlay rw
78 28 0:45 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw
"""
BOUND_HOSTS = "90 83 254:0 /home/ada/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw\n"

INSPECTED = {
    "docker": {
        "HostConfig": {"Tmpfs": {"/u": ""}},
        "Mounts": [
            {
                "Type": "volume",
                "Name": "t",
                "Source": "/var/lib/docker/volumes/t/_data",
                "Destination": "/data",
                "Driver": "local",
                "Mode": "z",
                "RW": True,
                "Propagation": "",
            },
            {
                "Type": "bind",
                "Source": "/home/ada/project",
                "Destination": "/data/functions",
                "Mode": "ro",
                "RW": False,
                "Propagation": "rprivate",
            },
            {"Type": "tmpfs", "Source": "", "Destination": "/data/scratch", "RW": True},
        ],
    },
    "podman": {
        "HostConfig": {"Tmpfs": {"/u": "rw,rprivate,nosuid,nodev,tmpcopyup"}},
        "Mounts": [
            {
                "Type": "volume",
                "Name": "t",
                "Source": "/var/lib/containers/storage/volumes/t/_data",
                "Destination": "/data",
                "Driver": "local",
                "Mode": "",
                "RW": True,
                "Propagation": "rprivate",
            },
        ],
    },
}


@pytest.mark.parametrize(
    ("mountinfo", "id"),
    [
        (DOCKER, ID),
        (OWN_DISK, ID),
        (PODMAN, ID),
        (BOUND_HOSTS + DOCKER, ID),
        (MACHINE, None),
        (BOUND_HOSTS, None),
        ("", None),
        ("?\n\n1 2 3\n", None),
    ],
)
def test_a_container_knows_itself_by_the_files_that_its_engine_mounts(
    mountinfo: str, id: str | None
) -> None:
    assert own_id(mountinfo) == id


@pytest.mark.parametrize(
    ("ours", "engines"),
    [
        ("/data", "/var/lib/docker/volumes/t/_data"),
        ("/data/doors/x", "/var/lib/docker/volumes/t/_data/doors/x"),
        ("/data/functions/f", "/home/ada/project/f"),
        ("/data/scratch/x", None),
        ("/database", None),
        ("/root/.local/share", None),
        ("/u/x", None),
        ("/", None),
    ],
)
def test_a_path_begins_where_its_innermost_mount_begins(ours: str, engines: str | None) -> None:
    paths = EnginePaths(read_mounts(INSPECTED["docker"]))

    assert paths.find(Path(ours)) == (engines and Path(engines))


def test_podman_describes_mounts_as_docker_does() -> None:
    paths = EnginePaths(read_mounts(INSPECTED["podman"]))

    found = paths.find(Path("/data/doors/x"))

    assert found == Path("/var/lib/containers/storage/volumes/t/_data/doors/x")
    assert paths.find(Path("/u/x")) is None


def test_outside_of_containers_paths_are_equal() -> None:
    assert EnginePaths(None).find(Path("/data/doors")) == Path("/data/doors")


def test_a_container_without_mounts_shares_nothing() -> None:
    assert EnginePaths(()).find(Path("/data/doors")) is None


@pytest.mark.parametrize("answer", [None, [], {}, {"Mounts": None}, {"Mounts": ["?", {}, None]}])
def test_a_strange_description_has_no_mounts(answer: Any) -> None:
    assert read_mounts(answer) == ()


class Engine(docker.APIClient):
    """Knows one container."""

    def __init__(self, known: str = ID, fault: Exception | None = None) -> None:
        self._known = known
        self._fault = fault

    def inspect_container(self, container: str) -> Any:
        if self._fault is not None:
            raise self._fault
        if container != self._known:
            raise NotFound("No such container")
        return INSPECTED["podman"]


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(DOCKER)
    return file


def test_the_mounts_of_our_container_are_asked_of_its_engine(inside: Path) -> None:
    assert own_mounts(Engine(), inside) == (
        OwnMount(Path("/data"), Path("/var/lib/containers/storage/volumes/t/_data")),
        OwnMount(Path("/u"), None),
    )


def test_in_another_engines_container_and_in_none_paths_are_the_engines(
    inside: Path, tmp_path: Path
) -> None:
    machine = tmp_path / "machine"
    machine.write_text(MACHINE)

    assert own_mounts(Engine("e" * 64), inside) is None
    assert own_mounts(Engine(), machine) is None
    assert own_mounts(Engine(), tmp_path / "no such file") is None


@pytest.mark.parametrize("fault", [APIError("500"), ConnectionResetError("reset")])
def test_an_engine_that_does_not_answer_is_told(inside: Path, fault: Exception) -> None:
    with pytest.raises(EngineUnreachable):
        own_mounts(Engine(fault=fault), inside)
