"""A pipe from a container's program straight to us, where the engine is on this machine.

What a program prints comes by no detour through the engine, and costs it no work. And whatever was
printed is in the pipe already when anybody asks: so a flush needs no word of the console's.

It is a FIFO, mounted into the container, whose name here is gone as soon as the container has
started. The console puts `HELLO` into it before any program runs: where that cannot be, since
another kernel or a security module is in between, it never arrives, and output takes the console's
way. Nothing in it is taken for more than output.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulator import ids
from emulator.errors import StartFailed

INSIDE = "/dev/taskdock"
"""Its path in a container: where it does not count as a change to the image."""
HELLO = b"pipe\n"
_SUFFIX = ".pipe"
_READ = 16 * 1024  # bytes at a time: who prints for ever shall not hold up the others
_MOST = 1024 * 1024  # bytes that a pipe holds, at most


class Pipe:
    """This process's end. It is never at its end of file, since it could be written here, too."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        try:
            path.chmod(0o666)  # the program is another user
            self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            path.unlink()
            raise
        self.path = path
        self.works = False
        """Whether the other end has been heard of."""

    def fileno(self) -> int:
        return self._file

    def read(self, most: int = _READ) -> bytes:
        """What there is; b"": nothing, for now."""
        try:
            data = os.read(self._file, most)
        except BlockingIOError:
            return b""
        if not self.works:
            self.works = data.startswith(HELLO)
            data = data.removeprefix(HELLO)
        return data

    def read_all(self) -> bytes:
        """What is in it at this moment."""
        waiting = fcntl.ioctl(self._file, termios.FIONREAD, bytes(4))
        (size,) = struct.unpack("i", waiting)
        return self.read(min(size, _MOST)) if size else b""

    def close(self) -> None:
        os.close(self._file)


@contextmanager
def open_pipe(folder: Path) -> Iterator[Pipe]:
    """A new pipe, which has its name only in this context; closed when that fails.

    Raises `StartFailed`.
    """
    try:
        pipe = Pipe(folder / f"{ids.word()}{_SUFFIX}")
    except OSError as error:
        raise StartFailed(f"there is no pipe for its output: {error}") from None
    try:
        yield pipe
    except BaseException:
        pipe.close()
        raise
    finally:
        pipe.path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes the names that a server left which was killed while it started a container."""
    for path in folder.glob(f"*{_SUFFIX}"):
        path.unlink(missing_ok=True)
