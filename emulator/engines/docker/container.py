"""One running container of Docker's: what its launcher says, on the reactor; no thread."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import docker
from docker.errors import APIError, DockerException, NotFound

from emulator.base.errors import EngineUnreachable
from emulator.engines.docker import faults
from emulator.engines.ending import ProgramExit, StartFault, Step
from emulator.engines.engine import Observer, Program
from emulator.engines.facts import Image
from emulator.engines.launcher import frames
from emulator.engines.launcher.door import Door
from emulator.engines.launcher.frames import BadFrame, Ended, Frames, Hello, Output, Peak, Said
from emulator.engines.launcher.lines import Lines

_CPU_PERIOD = 100_000  # microseconds, of which a container has its share
_LEAST_CPU = 1000  # microseconds; Linux takes no less
_REMOVE_LIMIT = 20.0  # seconds until a container that is being removed must be gone
_REMOVE_PAUSE = 0.05
_READ = 64 * 1024  # bytes at a time: who prints for ever shall not hold up the others
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
        image: Image,
        door: Door,
        forwards: Mapping[int, str],
        listener: Observer,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`forwards`: letters, by the port that leads to each."""
        self.id = id
        self.arrived = threading.Event()
        """Its launcher has come in by the door."""
        self._api = api
        self._image = image
        self._door = door
        self._forwards = forwards
        self._listener = listener
        self._loop = loop
        self._wire: socket.socket | None = None
        self._in_order = False
        """What was printed before a request is here before it: docs/launcher.md, "Order"."""
        self._frames = Frames()
        self._lines = Lines()
        self._unsent = bytearray()
        self._peak = 0  # bytes
        self._muted = False
        self._program = 0  # the number of the latest
        self._has_choice = False  # it has candidates
        self._running = False
        self._gone = False

    # On the reactor's thread: the door's guest

    def controlled(self, connection: socket.socket) -> None:
        self._wire = connection
        self._in_order = connection.family == socket.AF_UNIX
        for port, letter in self._forwards.items():
            self._say(frames.listen(port, letter))
        self._loop.add_reader(connection, self._read)

    def called(self, letter: str, connection: socket.socket) -> None:
        if self._gone:
            connection.close()
        else:
            self._listener.called(letter, connection)

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
        if self._in_order:
            self._drain()
            self._flushed()
        else:
            self._say(frames.FLUSH)

    def mute(self) -> None:
        self._muted = True

    def freeze(self) -> None:
        self._say(frames.FREEZE)

    def thaw(self) -> None:
        self._say(frames.THAW)

    def _say(self, frame: bytes) -> None:
        """Sends it, and what the launcher does not take at once when it does."""
        if self._gone:
            return
        self._unsent += frame
        if len(self._unsent) == len(frame):
            self._send()

    def _send(self) -> None:
        assert self._wire is not None, "it has arrived"
        try:
            del self._unsent[: self._wire.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:  # it has ended, and `gone` says so
            self._unsent.clear()
        if self._unsent:
            self._loop.add_writer(self._wire, self._send)
        else:
            self._loop.remove_writer(self._wire)

    # On the reactor's thread: what the launcher says

    def _read(self) -> None:
        for said in self._receive(_READ):
            self._hear(said)

    def _drain(self) -> None:
        """Hears all that was said up to now. An end is told in a turn of its own: who drains is in
        the middle of something."""
        for said in self._receive(self._waiting()):
            if isinstance(said, Ended):
                self._loop.call_soon(self._hear, said)
            else:
                self._hear(said)

    def _waiting(self) -> int:
        """Bytes that have come and were not read yet."""
        assert self._wire is not None, "it has arrived"
        counted = fcntl.ioctl(self._wire, termios.FIONREAD, bytes(4))
        return int(struct.unpack("i", counted)[0])

    def _receive(self, most: int) -> list[Said]:
        assert self._wire is not None, "it has arrived"
        try:
            data = self._wire.recv(most) if most else None
            said = self._frames.feed(data) if data else []
        except BlockingIOError:
            return []
        except (OSError, BadFrame):
            said, data = [], b""
        if data == b"":
            self._loop.call_soon(self._end)
        return said

    def _hear(self, said: Said) -> None:
        match said:
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
                self._listener.exited(exit if self._has_choice else without_choice(exit))
            case Hello(version):
                if version == frames.VERSION:
                    self.arrived.set()
                else:
                    self._end()

    def _flushed(self) -> None:
        self._muted = False
        self._tell(self._lines.end())
        self._listener.flushed(self._peak)

    def _tell(self, lines: list[bytes]) -> None:
        for line in lines:
            self._listener.output(line)

    def _end(self) -> None:
        if self._gone:
            return
        self._gone = True
        self._door.close()
        if self._wire is not None:
            self._loop.remove_reader(self._wire)
            self._loop.remove_writer(self._wire)
            self._wire.close()
        self._tell(self._lines.end())
        if self._running:
            self._listener.exited(ProgramExit())
        self._listener.gone()

    # On any thread

    def rename(self, name: str) -> None:
        self._try(partial(self._api.rename, name=name))

    def limit_cpu(self, cpus: float | None) -> None:
        quota = -1 if cpus is None else max(_LEAST_CPU, round(cpus * _CPU_PERIOD))
        self._try(partial(self._api.update_container, cpu_period=_CPU_PERIOD, cpu_quota=quota))

    def kill(self) -> None:
        """Its launcher ends with the connection, and the kernel ends all that is left."""
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
                raise faults.told(error, "the engine refused") from None


def without_choice(exit: ProgramExit) -> ProgramExit:
    """Where there was one candidate, which had to be the program: told as if it had been run."""
    fault = exit.fault
    if fault is None or fault.step is not Step.NO_CANDIDATE or not fault.path:
        return exit
    errno = _EACCES if fault.errno == _EISDIR else fault.errno  # as execve(2) says it
    return replace(exit, fault=StartFault(Step.PROGRAM, fault.path, errno))


def is_running(api: docker.APIClient, id: str) -> bool:
    """Raises `EngineError`."""
    try:
        return bool(api.inspect_container(id)["State"]["Running"])
    except NotFound:
        return False
    except (DockerException, OSError) as error:
        raise faults.told(error, "the container cannot be looked at") from None


def remove(api: docker.APIClient, id: str) -> None:
    """Returns when it is gone: the engine may be at removing it already.

    Raises `EngineError` when it stays, and at once `EngineUnreachable` when the engine is at fault:
    a container whose launcher has ended is removed by the engine itself, when it is back.
    """
    limit = time.monotonic() + _REMOVE_LIMIT
    while True:
        try:
            api.remove_container(id, force=True, v=True)
            return
        except NotFound:
            return
        except (DockerException, OSError) as error:
            fault = faults.told(error, f"the container {id[:12]} stays")
            if isinstance(fault, EngineUnreachable) or time.monotonic() > limit:
                raise fault from None
        time.sleep(_REMOVE_PAUSE)
