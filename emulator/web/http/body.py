"""A request's body while it arrives: kept as a whole, or handed on piece by piece."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

_ON_THE_HEAP = 64 * 1024  # bytes; a larger body is kept in a mapping of its own
_WINDOW = 64 * 1024  # bytes of a stream that wait for their reader before the sender is paused


class BodyError(Exception):
    """A streamed body ended badly. `status` and `why`: how the request is refused for that."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        if status is not None:
            self.status = HTTPStatus(status)


class BodyCutOff(BodyError):
    """The body is shorter than its headers say, its end never came, or its sender was too slow."""


class BodyTooLarge(BodyError):
    """The body has more bytes than are taken for its path."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class WholeBody:
    """Keeps a body until it is complete: a small one on the heap, a large one in a mapping.

    Freed heap memory stays with the process as long as anything lies behind it: a server that had
    received twenty large bodies kept all of their memory. An anonymous mapping is given back as a
    whole, and costs only what has been written to it.
    """

    def __init__(self, limit: int) -> None:
        """`limit`: bytes that are kept; bytes beyond it are counted and dropped."""
        self._limit = limit
        self.came = 0
        """Bytes that have arrived, those that were dropped included."""
        self._pieces: bytes | bytearray = b""
        self._mapped: mmap.mmap | None = None

    def restrict(self, limit: int) -> None:
        """Keeps no more than `limit` bytes from now on. `limit` is at least what has arrived."""
        self._limit = limit

    def add(self, piece: bytes) -> None:
        kept = piece[: max(0, self._limit - self.came)]
        self.came += len(piece)
        if self._mapped is not None:
            self._mapped.write(kept)
        elif not self._pieces:
            self._pieces = kept
        elif self.came <= _ON_THE_HEAP:
            if isinstance(self._pieces, bytes):
                self._pieces = bytearray(self._pieces)  # a list of a million pieces is too much
            self._pieces += kept
        else:
            self._mapped = mmap.mmap(-1, max(self._limit, 1))
            self._mapped.write(self._pieces)
            self._mapped.write(kept)
            self._pieces = b""

    def take(self) -> bytes:
        """Returns the bytes that were kept. Nothing may be added afterwards."""
        if self._mapped is None:
            return bytes(self._pieces)
        content = self._mapped[: self._mapped.tell()]
        self.drop()
        return content

    def drop(self) -> None:
        if self._mapped is not None:
            self._mapped.close()
            self._mapped = None
        self._pieces = b""


class BodyStream(AsyncIterator[bytes]):
    """Hands a body to one reader while it arrives. On the reactor's thread.

    The reader iterates over it: it gets pieces of bytes of any size. The iteration raises
    `BodyCutOff` or `BodyTooLarge` behind the last piece where the body ends badly. While `_WINDOW`
    bytes wait for the reader, `is_full` holds, and the connection is not read from.
    """

    def __init__(self, limit: int, *, has_room: Callable[[], object] = lambda: None) -> None:
        """`limit`: bytes that the reader gets; when more arrive, these are dropped, and the
        iteration ends with `BodyTooLarge` once all have arrived. `has_room` is called when
        `is_full` holds no more."""
        self._limit = limit
        self._has_room = has_room
        self.came = 0
        """Bytes that have arrived, those that were dropped included."""
        self._buffer = bytearray()
        self._closed = False  # nobody reads any more
        self._ended = False
        self.is_whole = False
        """All of the body has arrived, so that what follows on the connection is a request."""
        self._error: BodyError | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        """The sender has to wait for the reader."""
        return len(self._buffer) >= _WINDOW

    # The connection's side

    def restrict(self, limit: int) -> None:
        """Hands on no more than `limit` bytes. `limit` is at least what has arrived."""
        self._limit = limit

    def add(self, piece: bytes) -> None:
        self.came += len(piece)
        if self.came > self._limit:
            self._error = BodyTooLarge(f"The body has more than {self._limit} bytes.")
        elif not self._closed:
            self._buffer += piece
            self._wake()

    def end(self, error: BodyError | None = None) -> None:
        """No more arrives: the body is complete, or `error` says why not. A second call does
        nothing."""
        if not self._ended:
            self._ended, self.is_whole = True, error is None
            self._error = error or self._error
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # The reader's side

    async def __anext__(self) -> bytes:
        while not self._buffer:
            if self._closed:
                raise StopAsyncIteration
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        was_full, piece = self.is_full, bytes(self._buffer)
        self._buffer.clear()
        if was_full:
            self._has_room()
        return piece

    async def aclose(self) -> None:
        """The reader wants no more: what still arrives is dropped."""
        was_full = self.is_full
        self._closed = True
        self._buffer.clear()
        self._wake()
        if was_full:
            self._has_room()

    async def gather(self) -> bytes:
        """Returns all of the body, of which nothing has been read yet. Raises `BodyError`."""
        whole = WholeBody(self._limit)
        try:
            async for piece in self:
                whole.add(piece)
            return whole.take()
        finally:
            whole.drop()
