"""A request's body while it comes: small ones as they are, large ones in memory that goes back.

What was on the heap stays with the process when it is freed, as long as anything lies behind it: a
server that had got twenty large bodies kept all of their memory. An anonymous mapping is given back
as a whole, and costs only what has been written to it.
"""

from __future__ import annotations

import mmap

_ON_THE_HEAP = 64 * 1024


class Body:
    def __init__(self, most: int) -> None:
        """`most`: bytes that are kept of it; what comes behind those is only counted."""
        self._most = most
        self.came = 0
        """Bytes, also those that were not kept."""
        self._pieces: bytes | bytearray = b""
        self._mapped: mmap.mmap | None = None

    def restrict(self, most: int) -> None:
        """No more than these are kept from now on: at least what has come."""
        self._most = most

    def add(self, piece: bytes) -> None:
        kept = piece[: max(0, self._most - self.came)]
        self.came += len(piece)
        if self._mapped is not None:
            self._mapped.write(kept)
        elif not self._pieces:
            self._pieces = kept
        elif self.came <= _ON_THE_HEAP:
            if isinstance(self._pieces, bytes):
                self._pieces = bytearray(self._pieces)  # of a million pieces, one list is too much
            self._pieces += kept
        else:
            self._mapped = mmap.mmap(-1, max(self._most, 1))
            self._mapped.write(self._pieces)
            self._mapped.write(kept)
            self._pieces = b""

    def whole(self) -> bytes:
        """What has been kept. Nothing comes behind it."""
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
