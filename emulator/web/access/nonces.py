"""Nonces of signed requests: each is used once, across restarts, too.

A used nonce is kept while its timestamp could still be accepted: in memory, and in a file that gets
20 bytes for each. Writing these takes some microseconds, and the kernel's memory outlives a process
that is killed; a row in the database would cost a signed call a transaction. A machine that fails
may lose the latest nonces.

Of a sender that signs very much at once the oldest nonces are forgotten, and all requests as old
as these are refused from then on: a flood fills neither memory nor disk, and harms its own token
alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files
from taskdock.base.health import Health

TROUBLE = "nonces"
_RECORD = struct.Struct("<8sI8s")  # sender, timestamp, nonce
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT
_FLOOR = bytes(8)  # in place of a nonce: all up to the timestamp is refused


@dataclass(frozen=True, kw_only=True)
class NonceLimits:
    """Bounds of memory and file."""

    per_sender: int = 100_000
    """Nonces of one sender: 80 a second, for as long as they are kept."""
    in_all: int = 500_000
    """Nonces of all senders together."""
    senders: int = 10_000
    """Senders that are known; of others only the oldest timestamp is known that is accepted."""
    slack: int = 4 * 1024 * 1024
    """Bytes that the file may have beyond twice what is known, before it is written anew."""

    @property
    def file(self) -> int:
        """Bytes of the largest file that these limits let grow."""
        return 2 * _RECORD.size * self.in_all + self.slack


@dataclass
class _Sender:
    """The used nonces of one sender, by timestamp."""

    used: dict[int, set[bytes]] = field(default_factory=dict)
    count: int = 0
    floor: int = 0


class Nonces:
    def __init__(
        self,
        lifetime: int,
        file: Path | None = None,
        now: int | None = None,
        health: Health | None = None,
        limits: NonceLimits = NonceLimits(),
    ) -> None:
        """`lifetime`: seconds that a timestamp may be off the time here. `now`: that time in
        seconds since 1970, which no timestamp in the file can be far ahead of. Without a file the
        nonces are forgotten at the end of the process.

        Raises `OSError` for a file that cannot be opened, `ForeignFile` for one that is not ours.
        """
        self._window = 2 * lifetime
        self._health = health or Health()
        self._limits = limits
        self._lock = threading.Lock()
        self._senders: dict[bytes, _Sender] = {}
        self._count = 0
        self._newest = 0
        self._floor = 0  # of senders that are not known any more
        self._file = file
        self._descriptor = -1
        self._size = self._limit = 0  # bytes of the file, and from which on it is written anew
        if file is not None:
            self._descriptor = own_files.open_file(file, _FLAGS)
            latest = None if now is None else now + lifetime
            for sender, timestamp, nonce in _read(self._descriptor, limits.file):
                if latest is None or timestamp <= latest:
                    self._take(sender, timestamp, nonce)
            self._size = os.fstat(self._descriptor).st_size
            if self._size % _RECORD.size or self._size > self._max_size():
                self._compact()
            self._limit = max(self._size, self._max_size())

    def use(self, sender: str, timestamp: int, nonce: str) -> bool:
        """Marks a nonce as used. False: it was used before, or may have been."""
        record = _digest(sender), timestamp, _digest(nonce)
        with self._lock:
            if not self._take(*record):
                return False
            self._write(record)
            return True

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _take(self, name: bytes, timestamp: int, nonce: bytes) -> bool:
        self._newest = max(self._newest, timestamp)
        sender = self._senders.pop(name, None) or _Sender(floor=self._floor)
        self._senders[name] = sender  # the last of them
        if nonce == _FLOOR:
            sender.floor = max(sender.floor, timestamp)
            return True
        used = sender.used.setdefault(timestamp, set())
        if timestamp <= sender.floor or nonce in used:
            if not used:
                del sender.used[timestamp]
            return False
        used.add(nonce)
        sender.count += 1
        self._count += 1
        self._forget(sender)
        return True

    def _forget(self, mine: _Sender) -> None:
        """Forgets nonces that are too old to be accepted, and those beyond the limits."""
        oldest = self._newest - self._window
        if len(mine.used) > self._window or mine.count > self._limits.per_sender:
            for timestamp in [each for each in mine.used if each < oldest]:
                self._drop(mine, timestamp)
        while mine.count > self._limits.per_sender:
            self._raise_floor(mine)
        while self._count > self._limits.in_all:
            self._raise_floor(max(self._senders.values(), key=lambda each: each.count))
        if len(self._senders) > self._limits.senders:
            name = next(iter(self._senders))
            idle = self._senders.pop(name)
            self._floor = max([self._floor, idle.floor, *(t for t in idle.used if t >= oldest)])
            self._count -= idle.count

    def _raise_floor(self, sender: _Sender) -> None:
        oldest = min(sender.used)
        self._drop(sender, oldest)
        sender.floor = max(sender.floor, oldest)

    def _drop(self, sender: _Sender, timestamp: int) -> None:
        count = len(sender.used.pop(timestamp))
        sender.count -= count
        self._count -= count

    def _write(self, record: tuple[bytes, int, bytes]) -> None:
        """Writes to the file. Where the disk is full, the nonce is known until the end of this
        process: a signed request need not wait for room."""
        if self._descriptor < 0:
            return
        try:
            written = os.write(self._descriptor, _RECORD.pack(*record))
            if written < _RECORD.size:
                os.ftruncate(self._descriptor, self._size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._health.report(
                TROUBLE,
                f"the nonces of signed requests cannot be written to {self._file}:"
                f" {error.strerror}; such a request of now could count again after a restart",
                degraded=True,
            )
        else:
            self._size += written
            self._health.clear(TROUBLE)
        if self._size > self._limit:
            self._compact()
            self._limit = max(self._size, self._max_size())

    def _max_size(self) -> int:
        """Bytes of the file from which on most of its records are forgotten ones."""
        return 2 * _RECORD.size * (self._count + len(self._senders)) + self._limits.slack

    def _compact(self) -> None:
        """Writes the file anew, without forgotten nonces; the old one stays where that fails."""
        assert self._file is not None, "it is open"
        new = self._file.with_name(f".{self._file.name}.new")
        with contextlib.suppress(OSError, ForeignFile):
            new.unlink(missing_ok=True)
            descriptor = own_files.open_file(new, _FLAGS | os.O_EXCL)
            try:
                with open(descriptor, "wb", closefd=False) as file:
                    size = file.write(b"".join(self._records()))
                new.replace(self._file)
            except OSError:
                os.close(descriptor)
                raise
            os.close(self._descriptor)
            self._descriptor, self._size = descriptor, size

    def _records(self) -> Iterator[bytes]:
        oldest = self._newest - self._window
        for name, sender in self._senders.items():
            if sender.floor >= oldest:
                yield _RECORD.pack(name, sender.floor, _FLOOR)
            for timestamp, used in sender.used.items():
                if timestamp >= oldest:
                    yield from (_RECORD.pack(name, timestamp, nonce) for nonce in used)


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=8).digest()


def _read(descriptor: int, max_size: int) -> Iterator[tuple[bytes, int, bytes]]:
    """The records of the file; the last `max_size` bytes of them, where it is larger."""
    size = os.fstat(descriptor).st_size
    left = min(size, max_size) // _RECORD.size
    offset = size // _RECORD.size * _RECORD.size - left * _RECORD.size
    content = os.pread(descriptor, left * _RECORD.size, max(offset, 0))
    yield from _RECORD.iter_unpack(content[: len(content) // _RECORD.size * _RECORD.size])
