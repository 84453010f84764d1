"""Harness of the engine contract: the containers' behaviour, and the parts of each engine.

Each behaviour is written twice: in Python that a real container runs, and as a program of a fake
container.
"""

from __future__ import annotations

import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import docker

from taskdock.base import ids
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.faults import is_gone
from taskdock.engines.docker.transports.transports import Transports, usual_transports
from taskdock.engines.ending import ProgramExit
from taskdock.engines.engine import Container, ContainerSpec, Engine, Program
from taskdock.engines.launcher.acceptor import CallLimits
from taskdock.engines.linux.scratch_disk import Scratch
from taskdock.testing.fakes.engine import FakeEngine
from taskdock.testing.fakes.runtime import FakeProgram, FakeRuntime
from taskdock.testing.waiting import eventually

LABEL = "dev.taskdock.test"
CODE = "/var/task"
BELL = 9003  # the port where containers ring
LIMIT = 30.0  # seconds that anything here may take

_PRELUDE = f"""
import os, signal, socket, sys
def ring():
    sys.stdout.flush()
    with socket.create_connection(("127.0.0.1", {BELL})) as line:
        line.sendall(b"?")
        assert line.recv(1)
"""


@dataclass(frozen=True)
class Behaviour:
    real: str
    fake: FakeProgram


class Recorder:
    """A listener that keeps what it is told, in order."""

    def __init__(self, bell: Doorbell | None = None) -> None:
        self.told: list[tuple[str, Any]] = []
        self._bell = bell
        self.threads: set[str] = set()
        """The names of those that it was told on."""

    def output(self, line: bytes) -> None:
        self._note("output", line)

    def flushed(self, peak: int) -> None:
        self._note("flushed", peak)

    def exited(self, exit: ProgramExit) -> None:
        self._note("exited", exit)

    def called(self, letter: str, connection: socket.socket) -> None:
        self.threads.add(threading.current_thread().name)
        connection.setblocking(True)
        if self._bell is None:
            connection.close()
        else:
            self._bell.rings.put(connection)

    def gone(self) -> None:
        self._note("gone", None)

    def _note(self, what: str, value: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.told.append((what, value))

    def of(self, kind: str) -> list[Any]:
        return [value for told, value in list(self.told) if told == kind]

    @property
    def lines(self) -> list[str]:
        return [line.decode() for line in self.of("output")]

    def await_exit(self, count: int = 1) -> ProgramExit:
        """The program's exit of the `count`th time."""
        eventually(lambda: len(self.of("exited")) >= count, within=LIMIT, state=self._state)
        end: ProgramExit = self.of("exited")[count - 1]
        return end

    def await_gone(self) -> None:
        eventually(lambda: self.of("gone"), within=LIMIT, state=self._state)

    def await_flushed(self, count: int = 1) -> None:
        eventually(lambda: len(self.of("flushed")) >= count, within=LIMIT, state=self._state)

    def await_line(self, line: str) -> None:
        eventually(lambda: line in self.lines, within=LIMIT, state=self._state)

    def _state(self) -> object:
        return self.told[-20:]


class Doorbell:
    """A bell that a container rings; the container then waits until the test lets it go on."""

    def __init__(self) -> None:
        self.rings: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()

    def await_ring(self) -> socket.socket:
        """The line to the container that rang; a byte sent on it lets the container go on."""
        line = self.rings.get(timeout=LIMIT)
        line.settimeout(LIMIT)
        assert line.recv(1) == b"?"
        return line


class Remote:
    """A container and its program, for a test's thread: its verbs are called where they belong."""

    def __init__(self, container: Container, program: Program, reactor: Reactor) -> None:
        self.id = container.id
        self.limit_cpu, self.rename = container.limit_cpu, container.rename
        self.kill, self.remove = container.kill, container.remove
        self._container = container
        self._program = program
        self._reactor = reactor

    def run(self, program: Program | None = None) -> None:
        self.call(lambda container: container.run(program or self._program))

    def stop(self) -> None:
        self.call(lambda container: container.stop())

    def flush(self) -> None:
        self.call(lambda container: container.flush())

    def mute(self) -> None:
        self.call(lambda container: container.mute())

    def freeze(self) -> None:
        self.call(lambda container: container.freeze())

    def thaw(self) -> None:
        self.call(lambda container: container.thaw())

    def call(self, verb: Callable[[Container], object]) -> None:
        """Returns when `verb` has."""

        async def work() -> None:
            verb(self._container)

        self._reactor.run(work())


class Harness(Protocol):
    engine: Engine
    reactor: Reactor
    bell: Doorbell
    label: str
    """`name=value`, which every container of this test carries."""

    def spec(self, **fields: Any) -> ContainerSpec: ...

    def program(self, behaviour: Behaviour, **fields: Any) -> Program: ...

    def broken_spec(self) -> ContainerSpec:
        """Of something that this engine does not have."""

    def present(self) -> int:
        """The number of containers with `label`, in any state."""

    def cpus(self) -> float | None:
        """The limit of the test's one container."""

    def name(self) -> str:
        """Of the test's one container."""

    def stands_still(self, container: Remote) -> bool:
        """Whether all its processes do."""

    def close(self) -> None: ...


class FakeHarness:
    def __init__(self) -> None:
        self.fake = FakeEngine()
        self.engine: Engine = self.fake
        self.reactor = _started()
        self.bell = Doorbell()
        self.label = f"{LABEL}={ids.word()}"

    def spec(self, **fields: Any) -> ContainerSpec:
        return _spec(self, **{"image": "fake", "name": ids.word(), **fields})

    def program(self, behaviour: Behaviour, **fields: Any) -> Program:
        name = ids.word()
        self.fake.programs[name] = behaviour.fake
        return Program(**{"arguments": (name,), **fields})

    def broken_spec(self) -> ContainerSpec:
        return self.spec(image="no such image")

    def present(self) -> int:
        name, _, value = self.label.partition("=")
        containers = self.fake.containers.values()
        return sum(container.spec.labels.get(name) == value for container in containers)

    def cpus(self) -> float | None:
        (container,) = self.fake.containers.values()
        return container.cpus

    def stands_still(self, container: Remote) -> bool:
        return True  # at once

    def name(self) -> str:
        (container,) = self.fake.containers.values()
        return container.name

    def close(self) -> None:
        _close(self)


class DockerHarness:
    def __init__(
        self,
        client: docker.DockerClient,
        image: str,
        doors: Path,
        scratch: Scratch | None = None,
        *,
        transports: Transports = usual_transports,
        calls: CallLimits = CallLimits(),  # noqa: B008 - frozen
    ) -> None:
        self._api = client.api
        self._image = image
        self.warnings: list[str] = []
        self.engine: Engine = DockerEngine(
            client,
            doors,
            scratch=scratch,
            warn=self.warnings.append,
            transports=transports,
            calls=calls,
        )
        self.reactor = _started()
        self.bell = Doorbell()
        self.label = f"{LABEL}={ids.word()}"

    def spec(self, **fields: Any) -> ContainerSpec:
        return _spec(
            self, **{"image": self._image, "name": f"taskdock-test-{ids.word()}", **fields}
        )

    def program(self, behaviour: Behaviour, **fields: Any) -> Program:
        fields = {
            "entrypoint": ("python3", "-u", "-c"),
            "arguments": (_PRELUDE + behaviour.real,),
            **fields,
        }
        return Program(**fields)

    def broken_spec(self) -> ContainerSpec:
        return self.spec(image="taskdock/no-such-image:1")

    def present(self) -> int:
        return sum(self._is_there(found) for found in self._found())

    def _is_there(self, listed: dict[str, Any]) -> bool:
        """A list may name containers that are not there any more. Docker 20.10 keeps one, as dead
        or in the state of that moment, that was renamed while it was being removed: it has no
        process and no files, and a sweep takes it off. Podman keeps those that it is removing."""
        try:
            return bool(self._api.inspect_container(listed["Id"])["State"]["Status"] != "dead")
        except docker.errors.APIError as error:
            if is_gone(error):
                return False
            raise

    def cpus(self) -> float | None:
        config = self.host_config()
        return config["CpuQuota"] / config["CpuPeriod"] if config["CpuQuota"] > 0 else None

    def name(self) -> str:
        (found,) = self._found()
        (name,) = found["Names"]
        return str(name).removeprefix("/")

    def host_config(self) -> dict[str, Any]:
        """Docker's `HostConfig` of the test's one container."""
        (found,) = self._found()
        config: dict[str, Any] = self._api.inspect_container(found["Id"])["HostConfig"]
        return config

    def processes(self) -> int:
        """The number of processes in the test's one container."""
        (found,) = self._found()
        return len(self._states(found["Id"]))

    def stands_still(self, container: Remote) -> bool:
        launcher, *others = self._states(container.id)
        return launcher != "T" and set(others) <= {"T"}

    def _states(self, id: str) -> list[str]:
        """A letter for each process, the first one's first. By /proc: `top` is another thing with
        every engine, and nothing where there are no control groups."""
        waiting, states = [self._api.inspect_container(id)["State"]["Pid"]], []
        while waiting:
            process = Path("/proc", str(waiting.pop(0)))
            states.append((process / "stat").read_text().rpartition(")")[2].split()[0])
            for children in process.glob("task/*/children"):
                waiting += children.read_text().split()
        return states

    def volumes(self) -> list[str]:
        """The names of the volumes that the test's containers have."""
        mounts = [mount for container in self._found() for mount in container["Mounts"]]
        return [mount["Name"] for mount in mounts if mount["Type"] == "volume"]

    def volume_exists(self, name: str) -> bool:
        return any(volume["Name"] == name for volume in self._api.volumes()["Volumes"] or [])

    def close(self) -> None:
        _close(self)

    def _found(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._api.containers(all=True, filters={"label": self.label})
        return found


def _started() -> Reactor:
    reactor = Reactor()
    reactor.start()
    return reactor


def _close(harness: Harness) -> None:
    harness.engine.sweep(harness.label)
    harness.engine.close()
    harness.reactor.stop()


def _spec(harness: Harness, **fields: Any) -> ContainerSpec:
    name, _, value = harness.label.partition("=")
    labels = {name: value, **fields.pop("labels", {})}
    return ContainerSpec(labels=labels, **{"memory": 128, "forwards": {BELL: "b"}, **fields})


def run(
    harness: Harness, behaviour: Behaviour, *, program: Any = None, **fields: Any
) -> tuple[Remote, Recorder]:
    """Starts a container with these fields, and a program in it; records what it says."""
    recorder = Recorder(harness.bell)
    container = harness.engine.create(harness.spec(**fields), recorder, harness.reactor)
    made = harness.program(behaviour, **(program or {}))
    remote = Remote(container, made, harness.reactor)
    remote.run()
    return remote, recorder


# Behaviours


def _ring(runtime: FakeRuntime) -> None:
    with runtime.connect(f"127.0.0.1:{BELL}") as line:
        line.sendall(b"?")
        line.recv(1)
    runtime.go_on()


def prints(lines: Iterable[str], last: str = "", *, ring: bool = False, code: int = 0) -> Behaviour:
    """Prints lines, a last one without its end, rings if it is asked to, and exits."""
    text = "".join(f"{line}\n" for line in lines) + last

    def program(runtime: FakeRuntime) -> None:
        runtime.print(text, end="")
        if ring:
            _ring(runtime)
            runtime.print("went on")
        runtime.exit(code)

    rings = "ring(); print('went on')" if ring else ""
    return Behaviour(f"print({text!r}, end='')\n{rings}\nsys.exit({code})", program)


def prints_many(count: int) -> Behaviour:
    def program(runtime: FakeRuntime) -> None:
        for number in range(count):
            runtime.print(f"line {number}")

    return Behaviour(f"for n in range({count}): print(f'line {{n}}')", program)


def prints_long(length: int) -> Behaviour:
    return Behaviour(
        f"print('x' * {length}); print('after')",
        lambda runtime: runtime.print("x" * length + "\nafter"),
    )


def shows(variable: str, file: str) -> Behaviour:
    """Prints a variable, and a file of its code."""

    def program(runtime: FakeRuntime) -> None:
        code = runtime.spec.source_of(CODE)
        assert code is not None
        runtime.print(runtime.program.environment[variable])
        runtime.print((code / file).read_text(), end="")

    return Behaviour(
        f"print(os.environ[{variable!r}]); print(open('{CODE}/{file}').read(), end='')", program
    )


def reads(*places: tuple[str, str]) -> Behaviour:
    """Prints files: each is a mount's target and a name in it."""

    def program(runtime: FakeRuntime) -> None:
        for target, name in places:
            folder = runtime.spec.source_of(target)
            assert folder is not None
            runtime.print((folder / name).read_text(), end="")

    paths = [f"{target}/{name}" for target, name in places]
    return Behaviour(f"for path in {paths}: print(open(path).read(), end='')", program)


def rings_twice(between: str) -> Behaviour:
    def program(runtime: FakeRuntime) -> None:
        runtime.print("before")
        _ring(runtime)
        runtime.print(between)
        _ring(runtime)
        runtime.print("after")

    return Behaviour(
        f"print('before'); ring(); print({between!r}); ring(); print('after')", program
    )


def _count(runtime: FakeRuntime) -> None:
    runtime.print(f"run {runtime.turn}")
    runtime.exit(runtime.turn)


def _exhaust_once(runtime: FakeRuntime) -> None:
    if runtime.turn == 1:
        runtime.exhaust_memory()
    runtime.exit(3)


def _exhaust(runtime: FakeRuntime) -> None:
    runtime.print("eating")
    runtime.exhaust_memory()


def _hang(runtime: FakeRuntime) -> None:
    runtime.print("hanging")
    runtime.hang()


EXHAUSTS_MEMORY = Behaviour("print('eating'); food = b'x' * (160 << 20); print('full')", _exhaust)
EXHAUSTS_MEMORY_ONCE = Behaviour(
    "if os.path.exists('/tmp/been'): sys.exit(3)\n"
    "open('/tmp/been', 'w'); food = b'x' * (160 << 20)",
    _exhaust_once,
)
COUNTS_IN_TMP = Behaviour(
    "open('/tmp/runs', 'a').write('x'); runs = os.path.getsize('/tmp/runs')\n"
    "print('run', runs); sys.exit(runs)",
    _count,
)
SPINS = Behaviour("ring()\nwhile True: pass", lambda runtime: (_ring(runtime), runtime.hang()))
HANGS = Behaviour("print('hanging'); signal.pause()", _hang)
KILLS_ITSELF = Behaviour("os.kill(os.getpid(), 9)", lambda runtime: runtime.die(signal.SIGKILL))
RINGS = prints(["before"], ring=True)
