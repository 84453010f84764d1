"""The zip of a package: the same files always give the same bytes.

So entries are sorted and have no date, and of each mode only the executable bit is kept. Files are
compressed on all processors, which `zipfile` cannot.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

# APPNOTE.TXT 4.3.7, 4.3.12, 4.3.14 to 4.3.16
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MOST_ENTRIES = 0xFFFF  # in an end record without zip64
_VERSION, _VERSION_64, _UNIX = 20, 45, 3  # unzippers ignore the modes of other systems
_UTF_8 = 0x800
_STORED, _DEFLATED = 0, 8
_BATCH = 32  # entries that a thread takes at a time
_DATE = 33  # 1 January 1980, when the time of zips begins

QUICK, USUAL, SMALLEST = 1, 6, 9
"""Levels of compression. For a fifth of the bytes, USUAL takes three times as long as QUICK, and
SMALLEST up to four times as long as USUAL for a hundredth of them."""

# Files of these kinds are compressed already.
_COMPRESSED = (
    *(".png", ".jpg", ".jpeg", ".gif", ".webp", ".woff", ".woff2", ".mp3", ".mp4", ".webm"),
    *(".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".br", ".7z", ".whl", ".jar", ".parquet"),
)


@dataclass(frozen=True)
class ZipEntry:
    """A file or a link of a zip."""

    path: str
    mode: int
    """Type and permissions, as in `os.stat_result.st_mode`."""
    content: bytes
    """Of a link: its target."""


def zip_of(entries: Sequence[ZipEntry], level: int, most_bytes: int) -> bytes | None:
    """The zip. None: it has more than `most_bytes`; the work ends as soon as that is known."""
    body, index, count = bytearray(), bytearray(), 0
    for packed in _compressed(entries, level):
        name = packed.entry.path.encode()
        flags = 0 if packed.entry.path.isascii() else _UTF_8
        sizes = (len(packed.content), len(packed.entry.content), len(name), 0)
        about = (flags, packed.packing, 0, _DATE, packed.checksum, *sizes)
        index += _CENTRAL.pack(
            *(b"PK\1\2", _UNIX << 8 | _VERSION, _VERSION, *about, 0, 0, 0),
            *(packed.entry.mode << 16, len(body)),
        )
        index += name
        body += _LOCAL.pack(b"PK\3\4", _VERSION, *about) + name
        body += packed.content
        count += 1
        if len(body) + len(index) > most_bytes:
            return None
    zipped = bytes(body + index + _end(count, len(index), len(body)))
    return zipped if len(zipped) <= most_bytes else None


def _end(count: int, size: int, start: int) -> bytes:
    """The records behind the index, which is of so many bytes and begins at `start`."""
    counted = min(count, _MOST_ENTRIES)
    end = _END.pack(b"PK\5\6", 0, 0, counted, counted, size, start, 0)
    if count < _MOST_ENTRIES:
        return end
    versions = (_UNIX << 8 | _VERSION_64, _VERSION_64)
    about = (count, count, size, start)
    end_64 = _END_64.pack(b"PK\6\6", _END_64.size - 12, *versions, 0, 0, *about)
    return end_64 + _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1) + end


@dataclass(frozen=True)
class _Packed:
    entry: ZipEntry
    packing: int
    content: bytes
    checksum: int


def _compressed(entries: Sequence[ZipEntry], level: int) -> Iterator[_Packed]:
    """In the order of the entries."""
    batches = [entries[first : first + _BATCH] for first in range(0, len(entries), _BATCH)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as executor:
        try:
            for batch in executor.map(lambda batch: [_pack(one, level) for one in batch], batches):
                yield from batch
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _pack(entry: ZipEntry, level: int) -> _Packed:
    content, checksum = entry.content, zlib.crc32(entry.content)
    if level == QUICK and entry.path.lower().endswith(_COMPRESSED):
        return _Packed(entry, _STORED, content, checksum)
    deflater = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflater.compress(content) + deflater.flush()
    if len(packed) < len(content):
        return _Packed(entry, _DEFLATED, packed, checksum)
    return _Packed(entry, _STORED, content, checksum)
