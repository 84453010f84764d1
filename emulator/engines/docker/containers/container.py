"""One running container of Docker's: its launcher's messages, on the reactor; no thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import docker
from docker.errors import APIError, DockerException

from taskdock.engines.docker import faults
from taskdock.engines.docker.containers.dials import Dials
from taskdock.engines.docker.containers.launcher_connection import LauncherConnection
from taskdock.engines.docker.containers.removal import is_running, remove
from taskdock.engines.docker.facts import ImageFacts
from taskdock.engines.ending import ProgramExit, StartFault, Step
from taskdock.engines.engine import Dialed, Observer, Program
from taskdock.engines.launcher import frames
from taskdock.engines.launcher.door import Door
from taskdock.engines.launcher.frames import DialRefused, Ended, Hello, Message, Output, Peak
from taskdock.engines.launcher.lines import LineSplitter

_CPU_PERIOD = 100_000  # microseconds, of which a container has its share
_LEAST_CPU = 1000  # microseconds; Linux takes no less
_PROGRAMS = 255  # numbers for them, over and over
_WRONG_STATE = (304, 404, 409)
_ENOENT, _EACCES, _EISDIR = 2, 13, 21  # Linux's numbers


class DockerContainer:
    """Speaks to its launcher, whose connection ends when the container does."""

    def __init__(
        self,
        id: str,
        *,
        api: docker.APIClient,
        image: ImageFacts,
        door: Door,
        forwards: Mapping[int, str],
        observer: Observer,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`forwards`: letters, by the port that leads to each."""
        self.id = id
        self.arrived = threading.Event()
        """The container's launcher has come in by the door."""
        self._api = api
        self._image = image
        self._door = door
        self._forwards = forwards
        self._observer = observer
        self._loop = loop
        self._connection: LauncherConnection | None = None
        self._lines = LineSplitter()
        self._dials = Dials(loop)
        self._peak = 0  # bytes
        self._muted = False
        self._program = 0  # the number of the latest
        self._has_choice = False  # it has candidates
        self._running = False
        self._gone = False

    # On the reactor's thread: the door's owner

    def controlled(self, connection: socket.socket) -> None:
        self._connection = LauncherConnection(
            connection, self._loop, hear=self._hear, ended=self._end
        )
        for port, letter in self._forwards.items():
            self._say(frames.listen(port, letter))

    def called(self, letter: str, connection: socket.socket) -> None:
        if self._gone:
            connection.close()
        elif not self._dials.answer(letter, connection):
            self._observer.called(letter, connection)

    # On the reactor's thread: verbs

    def run(self, program: Program) -> None:
        if self._gone:
            return
        image = self._image
        entrypoint = image.entrypoint if program.entrypoint is None else program.entrypoint
        arguments = image.arguments if program.arguments is None else program.arguments
        command = (*entrypoint, *arguments)
        candidates = program.candidates or command[:1]
        self._program = self._program % _PROGRAMS + 1
        self._running = True
        self._has_choice = bool(program.candidates)
        if not candidates:
            nothing = ProgramExit(fault=StartFault(Step.NO_CANDIDATE, "", _ENOENT))
            self._loop.call_soon(self._hear, Ended(self._program, nothing))
            return
        self._say(
            frames.start(
                self._program,
                candidates=candidates,
                arguments=arguments if program.candidates else command[1:],
                variables={**image.variables, **program.environment},
                folder=program.working_directory or image.working_directory,
            )
        )

    def stop(self) -> None:
        self._say(frames.KILL)

    def flush(self) -> None:
        if self._gone:
            return
        if self._launcher.in_order:
            self._launcher.drain()
            self._flushed()
        else:
            self._say(frames.FLUSH)

    def mute(self) -> None:
        self._muted = True

    def freeze(self) -> None:
        self._say(frames.FREEZE)

    def thaw(self) -> None:
        self._say(frames.THAW)

    def dial(self, port: int, dialed: Dialed) -> None:
        letter = None if self._gone else self._dials.begin(dialed)
        if letter is None:
            dialed(None)
        else:
            self._say(frames.dial(port, letter))

    def _say(self, frame: bytes) -> None:
        if not self._gone:
            self._launcher.send(frame)

    @property
    def _launcher(self) -> LauncherConnection:
        assert self._connection is not None, "it has arrived"
        return self._connection

    # On the reactor's thread: the launcher's messages

    def _hear(self, message: Message) -> None:
        match message:
            case Output(data):
                if not self._muted:
                    self._tell(self._lines.feed(data))
            case Peak(peak, flushed):
                self._peak = peak
                if flushed:
                    self._flushed()
            case Ended(program, exit) if self._running and program == self._program:
                self._running = self._muted = False
                self._peak = exit.peak
                self._tell(self._lines.end())
                self._observer.exited(exit if self._has_choice else without_choice(exit))
            case DialRefused(letter):
                self._dials.answer(letter, None)
            case Hello(version):
                if version == frames.VERSION:
                    self.arrived.set()
                else:
                    self._end()

    def _flushed(self) -> None:
        self._muted = False
        self._tell(self._lines.end())
        self._observer.flushed(self._peak)

    def _tell(self, lines: list[bytes]) -> None:
        for line in lines:
            self._observer.output(line)

    def _end(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._door.close()
        if self._connection is not None:
            self._connection.close()
        self._tell(self._lines.end())
        self._dials.close()
        if self._running:
            self._observer.exited(ProgramExit())
        self._observer.gone()

    # On any thread

    def rename(self, name: str) -> None:
        self._try(partial(self._api.rename, name=name))

    def limit_cpu(self, cpus: float | None) -> None:
        quota = -1 if cpus is None else max(_LEAST_CPU, round(cpus * _CPU_PERIOD))
        self._try(partial(self._api.update_container, cpu_period=_CPU_PERIOD, cpu_quota=quota))

    def kill(self) -> None:
        """The container's launcher ends with the connection, and the kernel ends all that is
        left."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._end)

    def remove(self) -> None:
        self.kill()
        try:
            remove(self._api, self.id)
        finally:
            self._door.remove()

    def _try(self, verb: Callable[[str], object]) -> None:
        """That the container is not in the state for it, or has ended meanwhile, is fine."""
        try:
            verb(self.id)
        except (DockerException, OSError) as error:
            wrong_state = isinstance(error, APIError) and error.status_code in _WRONG_STATE
            if not wrong_state and not self._gone and is_running(self._api, self.id):
                raise faults.engine_error(error, "the engine refused") from None


def without_choice(exit: ProgramExit) -> ProgramExit:
    """Where there was one candidate, which had to be the program: told as if it had been run."""
    fault = exit.fault
    if fault is None or fault.step is not Step.NO_CANDIDATE or not fault.path:
        return exit
    errno = _EACCES if fault.errno == _EISDIR else fault.errno  # as execve(2) says it
    return replace(exit, fault=StartFault(Step.PROGRAM, fault.path, errno))
