"""The connection to one container's launcher: frames to it and from it, on the reactor's thread."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

from taskdock.engines.launcher.frames import BadFrame, Ended, Frames, Message

_READ = 64 * 1024  # bytes at a time: a program that prints for ever must not hold up the others


class LauncherConnection:
    """Nothing here waits: frames that the launcher does not take at once are sent when it does."""

    def __init__(
        self,
        connection: socket.socket,
        loop: asyncio.AbstractEventLoop,
        *,
        hear: Callable[[Message], object],
        ended: Callable[[], object],
    ) -> None:
        """`connection` does not block, and is closed by `close` alone. `hear` gets each message in
        order. `ended` is called when the launcher has gone, or speaks another language."""
        self.in_order = connection.family == socket.AF_UNIX
        """Output that was printed before a request is here before the request is: docs/launcher.md,
        "Order"."""
        self._connection = connection
        self._loop = loop
        self._hear = hear
        self._ended = ended
        self._frames = Frames()
        self._unsent = bytearray()
        loop.add_reader(connection, self._read)

    def close(self) -> None:
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()

    def send(self, frame: bytes) -> None:
        self._unsent += frame
        if len(self._unsent) == len(frame):
            self._send()

    def _send(self) -> None:
        try:
            del self._unsent[: self._connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:  # it has ended, and reading says so
            self._unsent.clear()
        if self._unsent:
            self._loop.add_writer(self._connection, self._send)
        else:
            self._loop.remove_writer(self._connection)

    def drain(self) -> None:
        """Passes on every message that has come up to now. A program's end is passed on in a turn
        of its own: the caller is in the middle of something."""
        for message in self._receive(self._pending()):
            if isinstance(message, Ended):
                self._loop.call_soon(self._hear, message)
            else:
                self._hear(message)

    def _read(self) -> None:
        for message in self._receive(_READ):
            self._hear(message)

    def _pending(self) -> int:
        """Bytes that have come and were not read yet."""
        counted = fcntl.ioctl(self._connection, termios.FIONREAD, bytes(4))
        return int(struct.unpack("i", counted)[0])

    def _receive(self, maximum: int) -> list[Message]:
        try:
            data = self._connection.recv(maximum) if maximum else None
            messages = self._frames.feed(data) if data else []
        except BlockingIOError:
            return []
        except (OSError, BadFrame):
            messages, data = [], b""
        if data == b"":
            self._loop.call_soon(self._ended)
        return messages
