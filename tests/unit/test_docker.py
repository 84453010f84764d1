"""DockerEngine on an engine that answers from a record."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.types import HostConfig

from emulator.engines.docker import DockerEngine, look
from emulator.engines.engine import ContainerSpec
from emulator.engines.probe import Ran
from emulator.engines.reach import Call
from emulator.engines.ways import Way
from emulator.errors import EngineError, EngineUnreachable, StartFailed
from emulator.reactor import Reactor

_FOLDER = Path(__file__).parents[1] / "data" / "engines"
CALLS = [Call(port=4000, path="/ping", host="x.lambda")]
NEAR = Way("172.17.0.1", "172.17.0.1")


class StubApi:
    """The part of docker-py's APIClient that an engine is asked by; nothing ever starts."""

    def __init__(self, name: str, **changes: Any) -> None:
        answers = json.loads((_FOLDER / f"{name}.json").read_text())
        self.answers = {**copy.deepcopy(answers), **changes}
        self.created: list[dict[str, Any]] = []
        self.start_error = "nothing starts here"

    def info(self) -> Any:
        return self._answer("info")

    def version(self) -> Any:
        return self._answer("version")

    def inspect_network(self, name: str) -> Any:
        return self._answer("network")

    def inspect_image(self, name: str) -> Any:
        return self._answer("image")

    def create_host_config(self, **fields: Any) -> Any:
        return HostConfig(version="1.41", **fields)

    def create_container(self, image: str, **fields: Any) -> Any:
        self.created.append({"image": image, **fields})
        return {"Id": "0" * 64}

    def attach_socket(self, id: str, params: Any) -> Any:
        raise APIError(self.start_error)

    def remove_container(self, id: str, **_: Any) -> None: ...

    def close(self) -> None: ...

    def _answer(self, what: str) -> Any:
        answer = self.answers[what]
        if isinstance(answer, Exception):
            raise answer
        return answer


class StubClient:
    def __init__(self, name: str = "docker-26.1", **changes: Any) -> None:
        self.api = StubApi(name, **changes)


class StubProbe:
    def __init__(self, output: str | EngineError) -> None:
        self.output = output
        self.hosts: Any = None

    def run(self, script: str, arguments: Any = (), *, hosts: Any = None) -> Ran:
        self.hosts = hosts
        if isinstance(self.output, EngineError):
            raise self.output
        return Ran(self.output, 0, 0.5)


class Listener:
    def output(self, line: bytes) -> None: ...
    def flushed(self, peak: int) -> None: ...
    def exited(self, exit: Any) -> None: ...
    def gone(self) -> None: ...


@pytest.fixture(autouse=True)
def this_machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    own = {"lo": "127.0.0.1", "docker0": "172.17.0.1"}
    monkeypatch.setattr("emulator.engines.docker.own", lambda: own)
    return own


def _engine(client: StubClient, **options: Any) -> DockerEngine:
    return DockerEngine(client, **options)  # type: ignore[arg-type]


def _create(engine: DockerEngine, **fields: Any) -> StartFailed:
    spec = ContainerSpec(image="image", name="name", memory=128, hosts=("x.lambda",), **fields)
    reactor = Reactor()
    try:
        with pytest.raises(StartFailed) as refused:
            engine.create(spec, Listener(), reactor)
    finally:
        reactor.loop.close()
    return refused.value


@pytest.mark.parametrize("name", [file.stem for file in sorted(_FOLDER.glob("*.json"))])
def test_any_recorded_engine_is_understood(name: str) -> None:
    client = StubClient(name)

    engine = _engine(client)
    error = _create(engine)

    assert engine.memory > 0
    assert error.message == "the container did not start: nothing starts here"
    (asked,) = client.api.created
    assert asked["host_config"]["ExtraHosts"] == [f"x.lambda:{engine.way.reach}"]


def test_containers_are_led_to_the_address_that_is_listened_on() -> None:
    """Not to host-gateway: an engine's setting `host-gateway-ip` may say something else."""
    client = StubClient("docker-20.10-first-start")

    engine = _engine(client)
    _create(engine)

    assert engine.ways == (NEAR,)
    assert client.api.created[0]["host_config"]["ExtraHosts"] == ["x.lambda:172.17.0.1"]


def test_the_way_that_was_found_is_taken() -> None:
    client = StubClient("docker-rootless")
    probe = StubProbe(
        "taskdock 0 4000 nc: can't connect to remote host (10.0.2.2): Connection refused\n"
        "taskdock 1 4000 HTTP/1.1 200 OK\n"
    )
    engine = _engine(client, probe=probe)

    found = engine.reach(CALLS)
    _create(engine)

    assert (found.fault, found.seconds) == ("", 0.5)
    assert probe.hosts == {"way.taskdock": "host-gateway"}
    assert client.api.created[0]["host_config"]["ExtraHosts"] == ["x.lambda:host-gateway"]


def test_what_no_way_leads_to_is_explained() -> None:
    engine = _engine(StubClient(), probe=StubProbe("taskdock 0 4000 nc: timed out\n"))

    found = engine.reach(CALLS)

    assert "a container called 172.17.0.1, port 4000, and met: no answer in time" in found.fault
    assert any("docker0" in remedy for remedy in found.remedies)


def test_a_probe_that_cannot_be_made_tells_why_and_blames_nobody() -> None:
    engine = _engine(StubClient(), probe=StubProbe(EngineError("there is no busybox")))

    found = engine.reach(CALLS)

    assert (found.untried, found.fault) == ("there is no busybox", "")


@pytest.mark.parametrize("missing", [NotFound("network bridge not found"), None])
def test_an_engine_without_a_bridge_does_answer(missing: Exception | None) -> None:
    client = StubClient(network=missing or NotFound("no such network"))

    engine = _engine(client, probe=StubProbe(""))
    found = engine.reach(CALLS)

    assert '"bridge": "none"' in found.fault
    assert "daemon.json" in found.remedies[0]


@pytest.mark.parametrize(
    "error", [DockerException("boom"), requests.ConnectionError("gone"), OSError("no socket")]
)
def test_an_engine_that_does_not_answer_is_told_apart(error: Exception) -> None:
    with pytest.raises(EngineUnreachable, match="does not answer"):
        look(StubClient(info=error).api)  # type: ignore[arg-type]


def test_with_selinux_a_container_carries_no_label() -> None:
    client = StubClient("podman-5.4")

    _create(_engine(client))

    options = client.api.created[0]["host_config"]["SecurityOpt"]
    assert options == ["no-new-privileges", "label=disable"]


def test_without_selinux_nothing_is_said_of_labels() -> None:
    client = StubClient("docker-26.1")

    _create(_engine(client))

    assert client.api.created[0]["host_config"]["SecurityOpt"] == ["no-new-privileges"]


def test_an_engine_that_does_not_say_how_much_memory_it_has_gets_this_machines() -> None:
    client = StubClient()
    del client.api.answers["info"]["MemTotal"]

    engine = _engine(client)

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert engine.memory == pages // 1024 // 1024


def test_an_engine_that_cannot_limit_memory_is_told_of() -> None:
    told: list[str] = []

    _engine(StubClient("docker-rootless"), warn=told.append)

    (warning,) = told
    assert "memory is not limited" in warning


class Disks:
    """As many loop devices as are left."""

    def __init__(self, left: int) -> None:
        self.left = left

    @contextlib.contextmanager
    def disk(self, size: int) -> Iterator[str]:
        if self.left == 0:
            raise StartFailed("there is no disk for /tmp: [Errno 28] No space left on device")
        self.left -= 1
        yield "/dev/loop7"


def test_when_loop_devices_run_out_later_the_call_does_not_fail_for_it() -> None:
    told: list[str] = []
    client = StubClient("docker-26.1")
    client.api.answers["info"].update(Name=os.uname().nodename, KernelVersion=os.uname().release)
    engine = _engine(client, scratch=Disks(1), warn=told.append)
    _create(engine)
    assert engine.limits_storage

    error = _create(engine)

    assert error.message == "the container did not start: nothing starts here"
    assert not engine.limits_storage
    with_disk, without = (asked["host_config"]["Mounts"][0] for asked in client.api.created)
    assert with_disk["VolumeOptions"]["DriverConfig"]["Options"]["device"] == "/dev/loop7"
    assert "VolumeOptions" not in without
    assert told == [
        "the size of /tmp is not limited: there is no disk for /tmp: [Errno 28] No space left on"
        " device"
    ]


def test_an_engine_elsewhere_gets_no_disks_of_this_machine() -> None:
    told: list[str] = []

    engine = _engine(StubClient("docker-desktop"), scratch=Disks(9), warn=told.append)

    assert not engine.limits_storage
    assert told == ["the size of /tmp is not limited: the engine is not on this machine"]


def test_the_fingerprint_is_of_the_engine_and_its_network() -> None:
    same = _engine(StubClient("docker-26.1")).fingerprint
    other = StubClient("docker-26.1")
    other.api.answers["network"]["IPAM"]["Config"][0]["Subnet"] = "172.30.0.0/16"

    assert _engine(StubClient("docker-26.1")).fingerprint == same
    assert _engine(other).fingerprint != same
    assert _engine(StubClient("docker-24.0")).fingerprint != same
