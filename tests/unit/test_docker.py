"""DockerEngine on an engine that answers from a record, with launchers that are threads."""

from __future__ import annotations

import contextlib
import copy
import errno
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import HostConfig

from taskdock.base.errors import EngineUnreachable, NotReachable, StartFailed
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.settings import NetworkChoice
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.docker.client import look
from taskdock.engines.docker.containers.creation import GLIMPSE
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.transports.choice import MAKESHIFT
from taskdock.engines.docker.transports.paths import EnginePaths
from taskdock.engines.docker.transports.transports import SocketTransport, usual_transports
from taskdock.engines.engine import Container, ContainerSpec
from taskdock.engines.launcher.door import Door
from taskdock.engines.launcher.doors import Doors
from taskdock.engines.linux.disks import REST
from taskdock.testing.clock import ManualClock
from taskdock.testing.waiting import eventually

_FOLDER = Path(__file__).parents[1] / "data" / "engines"
HELLO = b"H\0\0\0\x04\0\0\0\x02\0\0\0"
OTHER_HELLO = HELLO.replace(b"\x02", b"\x03")
REFUSED = 111  # Linux's number


class StubApi:
    """The part of docker-py's APIClient that an engine is asked by. A container that is started is
    a launcher's first words, where it is one of those that get through."""

    def __init__(self, name: str, **changes: Any) -> None:
        answers = json.loads((_FOLDER / f"{name}.json").read_text())
        self.answers = {**copy.deepcopy(answers), **changes}
        self.base_url = "http+docker://localhost"
        self.lead: Sequence[str] = ()
        """By which addresses launchers get through: unix, tcp."""
        self.hello = HELLO
        self.start_error: str | None = None
        self.start_fault: Exception | None = None
        self.met = REFUSED
        self.at_make: Callable[[], object] = lambda: None
        self.made: dict[str, dict[str, Any]] = {}
        """By id, those that were removed too."""
        self.removed: list[str] = []
        self._lines: dict[str, socket.socket] = {}
        self._lock = threading.Lock()

    @property
    def created(self) -> list[dict[str, Any]]:
        """But for those in which images are only looked at."""
        return [fields for fields in self.made.values() if GLIMPSE not in fields["labels"]]

    def info(self) -> Any:
        return self._answer("info")

    def version(self) -> Any:
        return self._answer("version")

    def inspect_image(self, name: str) -> Any:
        return self._answer("image")

    def create_host_config(self, **fields: Any) -> Any:
        return HostConfig(version="1.41", **fields)

    def create_container(self, image: str, **fields: Any) -> Any:
        with self._lock:
            id = f"{len(self.made):064}"
            self.made[id] = {"image": image, **fields}
        if GLIMPSE not in fields["labels"]:
            self.at_make()
        return {"Id": id}

    def get_archive(self, id: str, path: str) -> Any:
        raise NotFound(f"{path} is not there")

    def start(self, id: str) -> None:
        if self.start_error is not None:
            raise APIError(self.start_error)
        if self.start_fault is not None:
            raise self.start_fault
        for address in self.made[id]["command"]:
            kind, _, place = address.partition(":")
            if kind in self.lead:
                self._lines[id] = self._call(kind, place, self.made[id])
                return

    def wait(self, id: str, timeout: float) -> Any:
        return {"StatusCode": self.met}

    def inspect_container(self, id: str) -> Any:
        """It runs until its door is closed."""
        line = self._lines.get(id)
        with contextlib.suppress(BlockingIOError):
            return {"State": {"Running": line is not None and line.recv(1) != b""}}
        return {"State": {"Running": True}}

    def remove_container(self, id: str, **_: Any) -> None:
        self.removed.append(id)
        if id in self._lines:
            self._lines.pop(id).close()

    def close(self) -> None: ...

    def _call(self, kind: str, place: str, fields: Mapping[str, Any]) -> socket.socket:
        (door,) = [
            mount["Source"]
            for mount in fields["host_config"]["Mounts"]
            if mount["Target"] == "/dev/taskdock"
        ]
        if kind == "unix":
            line = socket.socket(socket.AF_UNIX)
            folder = os.open(door, os.O_RDONLY | os.O_DIRECTORY)
            line.connect(f"/proc/self/fd/{folder}/{Path(place).name}")  # 108 bytes at most
            os.close(folder)
        else:
            line = socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2])))
            line.sendall(fields["environment"]["TASKDOCK_TOKEN"].encode())
        line.sendall(b"!" + self.hello)
        line.setblocking(False)
        return line

    def _answer(self, what: str) -> Any:
        answer = self.answers[what]
        if isinstance(answer, Exception):
            raise answer
        return answer


class StubClient:
    def __init__(self, name: str = "docker-26.1", **changes: Any) -> None:
        self.api = StubApi(name, **changes)


class Listener:
    def output(self, line: bytes) -> None: ...
    def flushed(self, peak: int) -> None: ...
    def exited(self, exit: Any) -> None: ...
    def called(self, letter: str, connection: socket.socket) -> None: ...
    def gone(self) -> None: ...


class Shop:
    """Engines, and the containers that they have made."""

    def __init__(self, folder: Path) -> None:
        self.doors = folder / "doors"
        self.reactor = Reactor()
        self._engines: list[DockerEngine] = []
        self._containers: list[Container] = []

    def engine(self, client: StubClient, **options: Any) -> DockerEngine:
        engine = DockerEngine(client, self.doors, **options)  # type: ignore[arg-type]
        self._engines.append(engine)
        return engine

    def create(self, engine: DockerEngine, **fields: Any) -> Container:
        spec = ContainerSpec(image="image", name="name", memory=128, **fields)
        container = engine.create(spec, Listener(), self.reactor)
        self._containers.append(container)
        return container

    def refusal(self, engine: DockerEngine, **fields: Any) -> StartFailed:
        with pytest.raises(StartFailed) as refused:
            self.create(engine, **fields)
        return refused.value

    def left(self) -> list[Path]:
        """Folders of doors."""
        return [place for place in self.doors.glob("*") if place.is_dir()]

    def close(self) -> None:
        for container in self._containers:
            container.remove()
        self.reactor.stop()
        for engine in self._engines:
            engine.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    shop.reactor.start()
    yield shop
    shop.close()


# What engines say


@pytest.mark.parametrize("name", [file.stem for file in sorted(_FOLDER.glob("*.json"))])
def test_any_recorded_engine_is_understood(shop: Shop, name: str) -> None:
    client = StubClient(name)
    client.api.start_error = "nothing starts here"
    engine = shop.engine(client)

    error = shop.refusal(engine)

    assert engine.memory > 0
    assert error.message == "the container could not start: nothing starts here"
    by_socket, by_network = client.api.created
    assert by_socket["command"] == ["unix:/dev/taskdock/door"]
    assert all(address.startswith("tcp:") for address in by_network["command"])


@pytest.mark.parametrize(
    "error", [DockerException("boom"), requests.ConnectionError("gone"), OSError("no socket")]
)
def test_an_engine_that_does_not_answer_is_told_apart(error: Exception) -> None:
    with pytest.raises(EngineUnreachable, match="does not answer"):
        look(StubClient(info=error).api)  # type: ignore[arg-type]


def test_an_engine_that_does_not_say_how_much_memory_it_has_gets_this_machines(shop: Shop) -> None:
    client = StubClient()
    del client.api.answers["info"]["MemTotal"]

    engine = shop.engine(client)

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert engine.memory == pages // 1024 // 1024


def test_an_engine_that_cannot_limit_memory_is_told_of(shop: Shop) -> None:
    told: list[str] = []

    shop.engine(StubClient("docker-rootless"), warn=told.append)

    (warning,) = told
    assert "memory is not limited" in warning


# What a container is


def test_a_container_is_its_launcher_with_three_capabilities_and_nothing_that_can_be_written(
    shop: Shop,
) -> None:
    client = StubClient()
    client.api.lead = ["unix"]

    shop.create(shop.engine(client))

    (asked,) = client.api.created
    host = asked["host_config"]
    assert (asked["entrypoint"], asked["user"]) == (["/dev/taskdock/launcher"], "0:0")
    assert asked["environment"] is None
    assert (asked["working_dir"], asked["healthcheck"]["Test"]) == ("/", ["NONE"])
    assert host["CapDrop"] == ["ALL"]
    assert sorted(host["CapAdd"]) == ["KILL", "SETGID", "SETUID"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["ReadonlyRootfs"] is True
    assert host["ExtraHosts"] == []
    writable = [mount["Target"] for mount in host["Mounts"] if not mount["ReadOnly"]]
    assert writable == ["/tmp"]


@pytest.mark.parametrize(
    ("choice", "mode"), [(NetworkChoice.ENGINE, None), (NetworkChoice.NONE, "none")]
)
def test_a_container_has_the_network_that_was_chosen(
    shop: Shop, choice: NetworkChoice, mode: str | None
) -> None:
    client = StubClient()
    client.api.lead = ["unix"]

    shop.create(shop.engine(client, network=choice))

    (asked,) = client.api.created
    assert asked["host_config"].get("NetworkMode") in {mode, mode or "default"}


def test_who_was_turned_away_is_named_where_no_container_arrives(shop: Shop) -> None:
    client = StubClient()
    engine = shop.engine(client)
    engine._doors.turned_away = "192.0.2.9"

    error = shop.refusal(engine)

    assert "taskdock serve --container-callers 192.0.2.9" in error.message


def test_an_image_that_does_not_know_lambdas_user_is_given_a_file_that_does(shop: Shop) -> None:
    client = StubClient()
    client.api.lead = ["unix"]

    shop.create(shop.engine(client))

    (asked,) = client.api.created
    (users,) = [m for m in asked["host_config"]["Mounts"] if m["Target"] == "/etc/passwd"]
    assert users["ReadOnly"]
    assert Path(users["Source"]).read_text().startswith("sbx_user1051:x:993:990:")


def test_with_selinux_a_container_carries_no_label(shop: Shop) -> None:
    client = StubClient("podman-5.4")
    client.api.lead = ["unix"]

    shop.create(shop.engine(client))

    options = client.api.created[0]["host_config"]["SecurityOpt"]
    assert options == ["no-new-privileges", "label=disable"]


def test_an_image_that_is_not_there_is_said_and_nothing_is_left(shop: Shop) -> None:
    client = StubClient(image=ImageNotFound("no such image: image"))

    error = shop.refusal(shop.engine(client))

    assert error.message == "the container could not be made: no such image: image"
    assert client.api.made == {}
    assert shop.left() == []


def test_where_the_engine_cannot_see_the_data_folder_that_is_said(shop: Shop) -> None:
    """In a container, and the folder is in that container's own layer."""
    transport = SocketTransport(EnginePaths(()))

    error = shop.refusal(shop.engine(StubClient(), transports=lambda *_: [transport]))

    assert error.message.startswith(f"the engine cannot see {shop.doors}/")
    assert "give it one for that folder or one above, with -v" in error.message
    assert shop.left() == []


# By which transport


def test_containers_come_by_the_socket_where_that_works(shop: Shop) -> None:
    client = StubClient()
    client.api.lead = ["tcp", "unix"]
    engine = shop.engine(client)

    shop.create(engine)
    shop.create(engine)

    assert [asked["command"] for asked in client.api.created] == [["unix:/dev/taskdock/door"]] * 2
    assert engine.transport is not None
    assert engine.transport.is_local


def test_elsewhere_they_come_by_tcp_with_a_token_of_their_own_and_go_that_way_from_then_on(
    shop: Shop,
) -> None:
    client = StubClient("docker-desktop")
    client.api.lead = ["tcp"]
    engine = shop.engine(client)

    shop.create(engine)
    shop.create(engine)

    kinds = [asked["command"][0].partition(":")[0] for asked in client.api.created]
    assert kinds == ["unix", "unix", "tcp", "tcp"]  # the second: to see what the first has met
    *_, one, other = client.api.created
    assert one["host_config"]["ExtraHosts"] == ["host.taskdock:host-gateway"]
    assert all(asked["command"][0].startswith("tcp:host.taskdock:") for asked in (one, other))
    assert one["environment"].keys() == {"TASKDOCK_TOKEN"}
    assert one["environment"] != other["environment"]
    assert engine.transport is not None
    assert not engine.transport.is_local


def test_of_containers_that_are_the_first_together_one_finds_the_transport(shop: Shop) -> None:
    client = StubClient()
    client.api.lead = ["tcp"]
    engine = shop.engine(client)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: shop.create(engine), range(4)))

    kinds = [asked["command"][0].partition(":")[0] for asked in client.api.created]
    assert sorted(kinds) == ["tcp"] * 4 + ["unix"] * 2


def test_where_nothing_leads_here_that_is_explained_and_nothing_is_left(shop: Shop) -> None:
    client = StubClient()

    error = shop.refusal(shop.engine(client))

    assert isinstance(error, NotReachable)
    fault, mend, *remedies = error.message.splitlines()
    assert "(host-gateway), met: connection refused." in fault
    assert mend == "To mend it:"
    assert any("DOCKER_HOST" in remedy for remedy in remedies)
    assert sorted(client.api.removed) == sorted(client.api.made)
    assert shop.left() == []


def test_a_transport_that_is_not_found_is_looked_for_again(shop: Shop) -> None:
    client = StubClient()
    engine = shop.engine(client)
    shop.refusal(engine)

    client.api.lead = ["unix"]
    shop.create(engine)

    assert engine.transport is not None
    assert engine.transport.is_local


def test_where_others_came_by_a_transport_one_that_does_not_is_tried_once_more(shop: Shop) -> None:
    """Its engine may have been started anew meanwhile."""
    client = StubClient()
    client.api.lead = ["unix"]
    engine = shop.engine(client)
    shop.create(engine)
    leads: list[Sequence[str]] = [[], ["unix"]]
    client.api.at_make = lambda: setattr(client.api, "lead", leads.pop(0))

    shop.create(engine)

    assert len(client.api.created) == 3
    assert leads == []


def test_what_an_engine_has_made_before_it_failed_is_removed_when_it_answers_again(
    shop: Shop,
) -> None:
    client = StubClient()
    client.api.lead = ["unix"]
    engine = shop.engine(client)
    shop.create(engine)

    def break_off() -> None:
        client.api.start_fault = requests.ConnectionError("gone")

    client.api.at_make = break_off

    with pytest.raises(EngineUnreachable, match="the Docker Engine does not answer: gone"):
        shop.create(engine)

    eventually(lambda: client.api.removed[-1:] == list(client.api.made)[-1:])
    eventually(lambda: len(shop.left()) == 1)


def test_a_launcher_of_another_version_does_not_count_as_one(shop: Shop) -> None:
    client = StubClient()
    client.api.lead, client.api.hello = ["unix"], OTHER_HELLO
    transport = SocketTransport(EnginePaths(None))

    error = shop.refusal(shop.engine(client, transports=lambda *_: [transport]))

    assert isinstance(error, NotReachable)
    assert shop.left() == []


class Shut(SocketTransport):
    """Its doors are made, and nobody stands at them."""

    def door(self, doors: Doors, loop: Any) -> Door:
        place = doors.file("nobody", b"").parent / "door"
        place.mkdir()
        return Door(place, ["unix:/dev/taskdock/door"])


def test_a_container_whose_server_stops_while_it_starts_is_removed(shop: Shop) -> None:
    client = StubClient()
    engine = shop.engine(client, transports=lambda *_: [Shut(EnginePaths(None))])
    client.api.at_make = shop.reactor.stop

    shop.refusal(engine)

    assert client.api.created
    assert sorted(client.api.removed) == sorted(client.api.made)
    assert shop.left() == []


# Disks


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


def test_when_loop_devices_run_out_later_the_call_does_not_fail_for_it(shop: Shop) -> None:
    told: list[str] = []
    client = StubClient("docker-26.1")
    client.api.answers["info"].update(Name=os.uname().nodename, KernelVersion=os.uname().release)
    client.api.lead = ["unix"]
    engine = shop.engine(client, scratch=Disks(1), warn=told.append)
    shop.create(engine)
    assert engine.capabilities.limits_storage

    shop.create(engine)

    assert not engine.capabilities.limits_storage
    with_disk, without = (asked["host_config"]["Mounts"][0] for asked in client.api.created)
    assert with_disk["VolumeOptions"]["DriverConfig"]["Options"]["device"] == "/dev/loop7"
    assert "VolumeOptions" not in without
    assert told == [
        "the size of /tmp is not limited: there is no disk for /tmp: [Errno 28] No space left on"
        " device"
    ]


def test_an_engine_elsewhere_gets_no_disks_of_this_machine(shop: Shop) -> None:
    told: list[str] = []

    engine = shop.engine(StubClient("docker-desktop"), scratch=Disks(9), warn=told.append)

    assert not engine.capabilities.limits_storage
    assert told == ["the size of /tmp is not limited: the engine is not on this machine"]


def on_this_machine() -> StubClient:
    client = StubClient("docker-26.1")
    client.api.answers["info"].update(Name=os.uname().nodename, KernelVersion=os.uname().release)
    client.api.lead = ["unix"]
    return client


def test_disks_that_failed_are_told_and_tried_again_after_a_while(
    shop: Shop, health: Health
) -> None:
    left = [Disks(9)]
    clock = ManualClock()
    engine = shop.engine(
        on_this_machine(), scratch=Disks(0), reopen_scratch=left.pop, health=health, clock=clock
    )
    shop.create(engine)
    (trouble,) = health.troubles()
    assert (trouble.name, trouble.degraded) == ("disks for /tmp", True)
    assert "[Errno 28] No space left on device" in trouble.reason
    shop.create(engine)
    assert not engine.capabilities.limits_storage  # not at once

    clock.jump(REST)
    shop.create(engine)

    assert engine.capabilities.limits_storage
    assert health.troubles() == []


def test_what_an_engine_cannot_do_by_its_nature_is_not_tried_again(
    shop: Shop, health: Health
) -> None:
    client = StubClient("docker-desktop")
    client.api.lead = ["tcp"]
    clock = ManualClock()
    engine = shop.engine(
        client,
        scratch=Disks(9),
        reopen_scratch=lambda: pytest.fail("asked again"),
        health=health,
        clock=clock,
    )

    clock.jump(REST)
    shop.create(engine)

    (trouble,) = health.troubles()
    assert trouble.reason == "the size of /tmp is not limited: the engine is not on this machine"


# What may pass


class Crowded(SocketTransport):
    """Its folder has no room for a door at first."""

    errors: ClassVar[list[OSError]] = []

    def door(self, doors: Doors, loop: Any) -> Door:
        if self.errors:
            raise self.errors.pop()
        return super().door(doors, loop)


def test_a_transport_that_was_a_way_out_is_told_and_left_when_a_better_one_works(
    shop: Shop, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = StubClient()
    client.api.lead = ["unix", "tcp"]
    by_socket, by_network = usual_transports(client.api)  # type: ignore[arg-type]
    crowded = Crowded(by_socket.paths)
    monkeypatch.setattr(Crowded, "errors", [OSError(errno.EADDRINUSE, "in use")])
    clock = ManualClock()
    engine = shop.engine(
        client, transports=lambda *_: [crowded, by_network], health=health, clock=clock
    )
    shop.create(engine)
    shop.create(engine)
    assert engine.transport is by_network
    (trouble,) = health.troubles()
    assert (trouble.name, trouble.degraded) == ("passage", True)
    assert trouble.reason.startswith("containers come by TCP")
    assert "in use" in trouble.reason

    clock.jump(MAKESHIFT)
    shop.create(engine)

    assert engine.transport is crowded
    assert health.troubles() == []


def test_where_a_transport_leads_here_no_more_another_is_looked_for(shop: Shop) -> None:
    client = StubClient()
    client.api.lead = ["unix"]
    engine = shop.engine(client)
    shop.create(engine)

    client.api.lead = ["tcp"]  # the engine was moved into a machine of its own
    shop.create(engine)

    assert engine.transport is not None
    assert not engine.transport.is_local


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EROFS])
def test_what_the_machine_lacks_for_a_door_is_not_the_functions_fault(
    shop: Shop, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = StubClient()
    client.api.lead = ["unix"]
    monkeypatch.setattr(Crowded, "errors", [OSError(number, os.strerror(number))])
    engine = shop.engine(client, transports=lambda *_: [Crowded(EnginePaths(None))])

    with pytest.raises(EngineUnreachable, match="there is no door for it"):
        shop.create(engine)

    shop.create(engine)


@pytest.fixture
def health() -> Health:
    return Health(clock=ManualClock(), notices=Notices())
