"""The index of a zip, its central directory: counted before anything is made of it.

`zipfile` makes an object of each entry, and a Python loop over its extra fields. An index of 50 MB
would be a million of them: seconds without a turn for other threads, and most of a gigabyte.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from taskdock.base.errors import BadFunctionCode
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits

_HEADER = struct.Struct("<4s24x3H12x")
"""The signature of a header, and the lengths of name, extra field and comment: APPNOTE.TXT
4.3.12."""
_SIGNATURE = b"PK\1\2"


@contextmanager
def opened(zipped: bytes, limits: ZipLimits) -> Iterator[zipfile.ZipFile]:
    """The zip, whose index is within the limits.

    Raises `BadFunctionCode`, and whatever `zipfile` raises for a damaged one.
    """
    source = _Source(zipped, limits)
    with zipfile.ZipFile(source) as archive:
        source.is_opening = False
        if sum(entry.compress_size for entry in archive.infolist()) > len(zipped):
            raise BadFunctionCode(
                "the zip's entries have more packed bytes than the zip itself, so they lie in each"
                " other or their sizes are wrong"
            )
        yield archive


class _Source(io.BytesIO):
    """A zip as `zipfile` reads it. The bytes that `zipfile` takes for the index go through `read`
    in one piece, so both agree on where the index is."""

    def __init__(self, zipped: bytes, limits: ZipLimits) -> None:
        super().__init__(zipped)
        self.is_opening = True
        self._limits = limits

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.is_opening and data.startswith(_SIGNATURE):
            self._count(data)
        return data

    def _count(self, index: bytes) -> None:
        limits = self._limits
        at = count = names = notes = 0
        while at + _HEADER.size <= len(index):
            signature, name, extra, comment = _HEADER.unpack_from(index, at)
            if signature != _SIGNATURE:
                return  # `zipfile` ends here, too
            count, names, notes = count + 1, names + name, notes + extra + comment
            if count > limits.entries:
                raise BadFunctionCode(f"the zip has more than {limits.entries} files and folders")
            if names > limits.paths:
                raise BadFunctionCode(
                    f"the names in the zip have more than {limits.paths} bytes together"
                )
            if notes > limits.notes:
                raise BadFunctionCode(
                    f"the zip has more than {limits.notes // 1024 // 1024} MB of extra fields and"
                    " comments; pack it without them (zip -X)"
                )
            at += _HEADER.size + name + extra + comment
