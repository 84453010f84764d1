"""Makes doors, in a folder of this server's own that has the launcher and the files they share."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files
from taskdock.base.health import Health
from taskdock.engines.launcher.acceptor import CallLimits
from taskdock.engines.launcher.callers import Callers
from taskdock.engines.launcher.door import INSIDE, LAUNCHER, Door

_SOCKET = "door"
_BACKLOG = 128
_TOKEN_LENGTH = 32


class Doors:
    """For any thread."""

    def __init__(
        self,
        folder: Path,
        architecture: str,
        health: Health | None = None,
        limits: CallLimits = CallLimits(),  # noqa: B008 - frozen
    ) -> None:
        """`architecture`: the engine's, in Docker's words."""
        self._limits = limits
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
        self, routes: Sequence[tuple[str, str]], loop: asyncio.AbstractEventLoop, callers: Callers
    ) -> Door:
        """`routes`: pairs of an address of this machine and how a container reaches it.

        Raises `OSError` where none of them can be listened on."""
        listening = _listen_at([listen for listen, _ in routes])
        addresses = [
            f"tcp:{reach}:{listening[listen].getsockname()[1]}"
            for listen, reach in routes
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
        """Makes a door whose folder has the launcher. Only programs in the door's container reach
        that folder: the folders above it are this user's alone."""
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
        return Door(
            folder,
            addresses,
            token,
            removed=self._made.discard,
            health=self._health,
            limits=self._limits,
        )

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
