"""One running container of Docker's: its console and its output, on the reactor; no thread.

What its program prints comes through a pipe of ours, where the engine is on this machine, else
behind the console's words. The console's word counts when what the pipe held by then is told.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

import docker
from docker.errors import APIError, DockerException, NotFound

from emulator import ids
from emulator.engines import console
from emulator.engines.cgroup import Meter
from emulator.engines.console import Console, Flushed, Lines, Printed, Said, cut
from emulator.engines.engine import Listener, Program, ProgramExit
from emulator.engines.facts import Image
from emulator.engines.freezer import Place, thaw
from emulator.engines.pipe import Pipe
from emulator.errors import EngineError

_CPU_PERIOD = 100_000  # microseconds, of which a container has its share
_LEAST_CPU = 1000  # microseconds; Linux takes no less
_REMOVE_LIMIT = 20.0  # seconds until a container that is being removed must be gone
_REMOVE_PAUSE = 0.05
_THAW_TRIES = 20
_THAW_PAUSE = 0.01  # seconds
_READ = 16 * 1024  # bytes at a time: who prints for ever shall not hold up the others
_WRONG_STATE = (304, 404, 409)
_HEADER = struct.Struct(">BxxxL")  # of each piece of attached output: stream, length


class DockerContainer:
    """Speaks to the console by an attached connection, whose end is the container's end."""

    def __init__(
        self,
        id: str,
        *,
        api: docker.APIClient,
        place: Place | None,
        image: Image,
        wire: socket.socket,
        pipe: Pipe | None,
        listener: Listener,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.id = id
        self._api = api
        self._place = place
        self._image = image
        self._wire = wire
        self._pipe = pipe
        self._meter = Meter(id)
        self._listener = listener
        self._loop = loop
        self._mark = ids.word(32)
        self._console = Console(self._mark)
        self._frames = Frames()
        self._lines = Lines()  # of the pipe
        self._muted = False  # the pipe
        self._unsent = bytearray()
        self._running = False  # a program
        self._gone = False

    # On the reactor's thread

    def listen(self) -> None:
        self._wire.setblocking(False)
        self._loop.add_reader(self._wire, self._read)
        if self._pipe is not None:
            self._loop.add_reader(self._pipe, self._read_pipe)
        self._say(f"{self._mark}\n".encode())

    def run(self, program: Program) -> None:
        if self._gone:
            return
        entrypoint, arguments = program.entrypoint, program.arguments
        command = (
            *(self._image.entrypoint if entrypoint is None else entrypoint),
            *(self._image.arguments if arguments is None else arguments),
        )
        self._running = True
        self._say(console.run(self._mark, command, program.environment, program.working_directory))

    def stop(self) -> None:
        self._say(console.STOP)

    def flush(self) -> None:
        if self._gone:
            return
        self._drain()
        if self._pipe is not None and self._pipe.works and self._meter.works:
            self._listener.flushed(self._meter.peak())
        else:
            self._say(console.FLUSH)

    def mute(self) -> None:
        if self._pipe is not None and self._pipe.works:
            self._muted = True
        else:
            self._console.muted = True

    def _say(self, word: bytes) -> None:
        """Sends it, and what the engine does not take at once when it does."""
        if self._gone:
            return
        self._unsent += word
        if len(self._unsent) == len(word):
            self._send()

    def _send(self) -> None:
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

    def _read(self) -> None:
        try:
            data = self._wire.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._tell(self._console.feed(self._frames.feed(data)))
        else:
            self._end()

    def _read_pipe(self) -> None:
        assert self._pipe is not None
        self._print(self._pipe.read())

    def _drain(self) -> None:
        """Tells of all that was printed up to now, and what comes next is a new line."""
        if self._pipe is not None:
            self._print(self._pipe.read_all())
            rest = self._lines.take()
            if rest:
                self._tell_lines([rest])
            self._muted = False

    def _print(self, data: bytes) -> None:
        if not self._muted:
            self._tell_lines(self._lines.feed(data))

    def _tell_lines(self, lines: list[bytes]) -> None:
        for line in lines:
            for part in cut(line):
                self._listener.output(part)

    def _tell(self, said: list[Said]) -> None:
        for words in said:
            if isinstance(words, Printed):
                self._listener.output(words.line)
                continue
            self._drain()
            if isinstance(words, Flushed):
                self._listener.flushed(words.peak)
            else:
                self._running = False
                self._listener.exited(words)

    def _end(self) -> None:
        self._gone = True
        self._loop.remove_reader(self._wire)
        self._loop.remove_writer(self._wire)
        self._wire.close()
        self._tell(self._console.end())
        self._drain()
        self._close_files()
        if self._running:
            self._listener.exited(ProgramExit(code=None))
        self._listener.gone()

    def _close_files(self) -> None:
        if self._pipe is not None:
            self._loop.remove_reader(self._pipe)
            self._pipe.close()
            self._pipe = None
        if self._place is not None:
            self._place.close()
        self._meter.close()

    # On any thread

    def freeze(self) -> None:
        if self._place is None or not self._place.freeze():
            self._try(self._api.pause)

    def thaw(self) -> None:
        """Engines were seen to lose an unpause that follows a pause at once: look, and repeat."""
        if self._place is not None and self._place.thaw():
            return
        for attempt in range(_THAW_TRIES):
            if not self._is("Paused"):
                return
            time.sleep(_THAW_PAUSE * attempt)
            self._try(self._api.unpause)
        raise EngineError("the container stays paused")

    def rename(self, name: str) -> None:
        self._try(partial(self._api.rename, name=name))

    def limit_cpu(self, cpus: float | None) -> None:
        quota = -1 if cpus is None else max(_LEAST_CPU, round(cpus * _CPU_PERIOD))
        self._try(partial(self._api.update_container, cpu_period=_CPU_PERIOD, cpu_quota=quota))

    def kill(self) -> None:
        thaw(self.id)
        self._try(self._api.kill)

    def remove(self) -> None:
        remove(self._api, self.id)

    def _try(self, verb: Callable[[str], object]) -> None:
        """That the container is not in the state for it, or has ended meanwhile, is fine."""
        try:
            verb(self.id)
        except (DockerException, OSError) as error:
            wrong_state = isinstance(error, APIError) and error.status_code in _WRONG_STATE
            if not wrong_state and self._is("Running"):
                raise EngineError(reason(error)) from None

    def _is(self, state: str) -> bool:
        try:
            return bool(self._api.inspect_container(self.id)["State"][state])
        except NotFound:
            return False
        except (DockerException, OSError) as error:
            raise EngineError(reason(error)) from None


class Frames:
    """Takes the payloads out of an attached connection's bytes. No I/O."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The payloads that have come whole; many small ones come together."""
        self._rest += data
        payloads, begin = [], 0
        while len(self._rest) - begin >= _HEADER.size:
            payload = begin + _HEADER.size
            end = payload + _HEADER.unpack_from(self._rest, begin)[1]
            if len(self._rest) < end:
                break
            payloads.append(self._rest[payload:end])
            begin = end
        del self._rest[:begin]
        return b"".join(payloads)


def attach(api: docker.APIClient, id: str) -> socket.socket:
    """A connection to a container's input and output, of which `Frames` makes what it prints."""
    params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    attached = api.attach_socket(id, params=params)
    # The SDK's socket would go when its response object is collected: take a descriptor of our
    # own, and close that response now. (Its socket alone would be closed beneath it, which
    # Python 3.13 complains about.)
    wire = socket.socket(fileno=os.dup(attached.fileno()))
    attached._response.close()
    return wire


def remove(api: docker.APIClient, id: str) -> None:
    """Returns when it is gone: the engine may be at removing it already."""
    limit = time.monotonic() + _REMOVE_LIMIT
    thaw(id)
    while True:
        try:
            api.remove_container(id, force=True, v=True)
            return
        except NotFound:
            return
        except (DockerException, OSError) as error:
            if time.monotonic() > limit:
                raise EngineError(f"the container {id[:12]} stays: {reason(error)}") from None
        time.sleep(_REMOVE_PAUSE)


def reason(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)
