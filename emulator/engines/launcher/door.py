"""Doors: each is the one way of one container to this server. On this machine, a Unix socket in a
folder that the container has; elsewhere, TCP and a token. docs/launcher.md has what is said there.

Whoever comes in by a door is in its container: the launcher, or a program that has found the
socket. Nothing that a program does there may cost more than its container's own share.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import shutil
import socket
import stat
import struct
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol

from emulator.base import ids
from emulator.base.errors import ForeignFile
from emulator.base.files import own_files
from emulator.base.health import Health
from emulator.base.machine.descriptors import DESCRIPTORS, EXHAUSTED, OUT_OF_DESCRIPTORS
from emulator.engines.launcher.callers import Callers
from emulator.engines.launcher.frames import CONTROL

INSIDE = "/dev/taskdock"
"""The folder's path in a container: below /dev it does not count as a change to the image."""
LAUNCHER = f"{INSIDE}/launcher"
TOKEN = "TASKDOCK_TOKEN"  # noqa: S105 - a variable's name
_SOCKET = "door"
_CREDENTIALS = struct.Struct("iII")  # process, user, group: unix(7), SO_PEERCRED
_BACKLOG = 128
_TOKEN_LENGTH = 32
_PATIENCE = 5.0  # seconds that a caller has to say what it wants
_MOST_SILENT = 16  # callers that have not said it yet; one more costs the oldest its place
_BURST = 256  # callers that one door takes within
_ROW = 1.0  # seconds, before
_REST = 0.5  # seconds of rest


MayCall = Callable[[Any], bool]
"""Given where a socket's other end is, as `accept` has it."""


class Guest(Protocol):
    """Who has a door. Called on the reactor's thread, with connections that do not block."""

    def controlled(self, connection: socket.socket) -> None:
        """The first connection for frames, and the only one."""

    def called(self, letter: str, connection: socket.socket) -> None:
        """A connection to the forward of this letter."""


class Door:
    def __init__(
        self,
        folder: Path,
        addresses: Sequence[str],
        token: str = "",
        removed: Callable[[str], object] = lambda _: None,
        health: Health | None = None,
    ) -> None:
        """`folder`: it is the container's at `INSIDE`. `addresses`: as the launcher takes them.
        `removed` gets the folder's name when there is none any more. `health`: is told where
        nobody can be let in."""
        self._removed = removed
        self._health = health
        self.folder = folder
        self.addresses = addresses
        self.token = token
        self._guest: Guest | None = None
        self._launcher: int | None = None  # its user, as the kernel tells it; None: not yet here
        self._entrances: list[Entrance] = []

    def open(self, guest: Guest) -> None:
        """From now on callers are let in. On the reactor's thread, as all that follows."""
        self._guest = guest

    def attend(
        self,
        listening: Sequence[socket.socket],
        loop: asyncio.AbstractEventLoop,
        may_call: MayCall = lambda _: True,
    ) -> None:
        """Takes callers at these sockets, which are its own from now on."""
        preamble = len(self.token) + 1
        for each in listening:
            self._entrances.append(
                Entrance(each, preamble, self._enter, loop, may_call, health=self._health)
            )

    def _enter(self, said: bytes, connection: socket.socket) -> None:
        """The launcher comes first, before any program runs. Programs are of another user."""
        token, letter = said[:-1], said[-1:]
        if not hmac.compare_digest(token, self.token.encode()):
            connection.close()
            return
        user = _user(connection)
        is_first = self._launcher is None
        if self._guest is None or is_first != (letter == CONTROL):
            connection.close()
        elif is_first:
            self._launcher = user
            self._guest.controlled(connection)
        elif user != self._launcher:
            connection.close()
        else:
            self._guest.called(letter.decode("latin-1"), connection)

    def close(self) -> None:
        """Nobody comes in any more. Closing again is harmless."""
        self._guest = None
        while self._entrances:
            self._entrances.pop().close()

    def remove(self) -> None:
        """Its folder; for any thread."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._removed(self.folder.name)


class Entrance:
    """A listening socket: takes callers, and hears whom they want. On the reactor's thread."""

    def __init__(
        self,
        listening: socket.socket,
        preamble: int,
        admit: Callable[[bytes, socket.socket], object],
        loop: asyncio.AbstractEventLoop,
        may_call: MayCall = lambda _: True,
        *,
        health: Health | None = None,
    ) -> None:
        """`preamble`: bytes that a caller says first, with which it is admitted. `may_call` is told
        where it calls from: who may not is turned away before a word is read."""
        self._may_call = may_call
        self._health = health or Health()
        self._listening = listening
        self._preamble = preamble
        self._admit = admit
        self._loop = loop
        self._silent: dict[socket.socket, tuple[bytearray, asyncio.TimerHandle]] = {}
        self._taken = 0  # since
        self._since = loop.time()
        self._resting: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        loop.add_reader(listening, self._accept)

    def close(self) -> None:
        self._loop.remove_reader(self._listening)
        if self._resting is not None:
            self._resting.cancel()
        self._listening.close()
        for connection in list(self._silent):
            self._forget(connection)
            connection.close()

    def _accept(self) -> None:
        try:
            connection, caller = self._listening.accept()
        except (BlockingIOError, ConnectionError):  # it has gone already
            return
        except OSError as error:  # the caller waits, and we would be told of it again at once
            if error.errno in OUT_OF_DESCRIPTORS:
                self._health.met(DESCRIPTORS, EXHAUSTED, self._loop)
            self._rest()
            return
        if self._may_call(caller):
            self._receive(connection)
        else:
            connection.close()
        if self._calls_without_end():
            self._rest()

    def _receive(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        give_up = self._loop.call_later(_PATIENCE, self._drop, connection)
        self._silent[connection] = (bytearray(), give_up)
        self._loop.add_reader(connection, self._hear, connection)
        self._hear(connection)  # it has most likely been said already
        if len(self._silent) > _MOST_SILENT:
            self._drop(next(iter(self._silent)))

    def _calls_without_end(self) -> bool:
        now = self._loop.time()
        if now - self._since > _ROW:
            self._since, self._taken = now, 0
        self._taken += 1
        return self._taken >= _BURST

    def _rest(self) -> None:
        """Callers wait in the kernel meanwhile: who calls without end shall not fill our days."""
        if self._resting is None:
            self._loop.remove_reader(self._listening)
            self._resting = self._loop.call_later(_REST, self._go_on)

    def _go_on(self) -> None:
        self._resting, self._taken = None, 0
        self._loop.add_reader(self._listening, self._accept)

    def _hear(self, connection: socket.socket) -> None:
        said, _ = self._silent[connection]
        try:
            data = connection.recv(self._preamble - len(said))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        said += data
        if not data:
            self._drop(connection)
        elif len(said) == self._preamble:
            self._forget(connection)
            self._admit(bytes(said), connection)

    def _drop(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: socket.socket) -> None:
        _, give_up = self._silent.pop(connection)
        give_up.cancel()
        self._loop.remove_reader(connection)


class Doors:
    """Makes doors, in a folder of this server's own."""

    def __init__(self, folder: Path, architecture: str, health: Health | None = None) -> None:
        """`architecture`: the engine's, in Docker's words."""
        self._health = health
        self._folder = folder.parent.resolve() / folder.name  # no link in its place is followed
        self._architecture = architecture
        self.turned_away = ""
        """The address of the latest who called by the network and may not."""
        self._made: set[str] = set()
        """Names of what was made here: folders of doors, and what they share."""

    def by_socket(self, loop: asyncio.AbstractEventLoop) -> Door:
        """Raises `OSError`: this folder's disk may have no sockets."""
        door = self._new((f"unix:{INSIDE}/{_SOCKET}",))
        try:
            listening = _listen(door.folder)
        except OSError:
            door.remove()
            raise
        loop.call_soon_threadsafe(door.attend, [listening], loop)
        return door

    def by_network(
        self, ways: Sequence[tuple[str, str]], loop: asyncio.AbstractEventLoop, callers: Callers
    ) -> Door:
        """`ways`: pairs of an address of this machine and how a container reaches it.

        Raises `OSError` where none of them can be listened on."""
        listening = _listen_at([listen for listen, _ in ways])
        addresses = [
            f"tcp:{reach}:{listening[listen].getsockname()[1]}"
            for listen, reach in ways
            if listen in listening
        ]
        door = self._new(addresses, ids.word(_TOKEN_LENGTH))

        def may_call(caller: Any) -> bool:
            if callers.may(caller[0]):
                return True
            self.turned_away = caller[0]
            return False

        loop.call_soon_threadsafe(door.attend, list(listening.values()), loop, may_call)
        return door

    def file(self, name: str, content: bytes) -> Path:
        """One that many containers share, made once; all users may read it. `name`: it tells the
        content. Raises `OSError`."""
        return self._shared(name, lambda: content, 0o644)

    def sweep(self) -> None:
        """Removes what a server has left that was killed. Raises `ForeignFile`."""
        own_files.check(self._folder, stat.S_IFDIR)  # a link's folder would be emptied
        for left in self._folder.glob("*"):
            if left.name in self._made:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:  # another version's launcher, for one
                left.unlink(missing_ok=True)

    def _new(self, addresses: Sequence[str], token: str = "") -> Door:
        """Its folder has the launcher. Only who is in its container gets there: what is above it
        is this user's alone."""
        program = self._program()
        folder = self._folder / ids.word()
        self._made.add(folder.name)
        folder.mkdir()
        folder.chmod(0o711)
        launcher = folder / Path(LAUNCHER).name
        try:
            os.link(program, launcher)  # one copy in memory, for all containers
        except OSError:  # there are disks without second names
            shutil.copy(program, launcher)
        return Door(folder, addresses, token, self._made.discard, self._health)

    def _program(self) -> Path:
        name = f"launcher-{self._architecture}"
        packed = resources.files(__package__) / name
        if not packed.is_file():
            raise OSError(f"there is no launcher for the engine's processor ({self._architecture})")
        return self._shared(name, packed.read_bytes, 0o755)

    def _shared(self, name: str, content: Callable[[], bytes], mode: int) -> Path:
        try:
            own_files.make_folder(self._folder)
        except ForeignFile as error:
            raise OSError(error.message) from None
        place = self._folder / name
        if name not in self._made:
            half_done = self._folder / ids.word()
            half_done.write_bytes(content())
            half_done.chmod(mode)
            half_done.rename(place)
            self._made.add(name)
        return place


def _user(connection: socket.socket) -> int:
    """Of the process at the other end, as this machine knows it; -1: by the network."""
    if connection.family != socket.AF_UNIX:
        return -1
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])


def _listen(folder: Path) -> socket.socket:
    """A path has 108 bytes at most for a socket: so by the folder's descriptor."""
    listening = socket.socket(socket.AF_UNIX)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = f"/proc/self/fd/{place}"
        base = short if os.path.isdir(short) else str(folder)
        listening.bind(f"{base}/{_SOCKET}")
        (folder / _SOCKET).chmod(0o666)  # root of a container may be anybody here
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    finally:
        os.close(place)
    return listening


def _listen_at(addresses: Iterable[str]) -> dict[str, socket.socket]:
    """By address, where it is one of this machine's, and not all of them. Raises `OSError`: none
    is."""
    opened: dict[str, socket.socket] = {}
    fault = OSError("there is no address by which a container could call")
    for address in dict.fromkeys(addresses):
        if not address or ip_address(address).is_unspecified:
            fault = OSError(f"{address!r} is every address of this machine")
            continue
        try:
            opened[address] = socket.create_server((address, 0), backlog=_BACKLOG)
        except OSError as error:
            fault = error
    if not opened:
        raise fault
    return opened
