"""The size of the database; keeps its write-ahead log small."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from taskdock.store.database import Store

LARGE_LOG = 64 * 1024 * 1024  # bytes; SQLite alone holds it at about 16 MB
_PATIENCE = 200  # milliseconds that emptying the log waits for readers: so long no one can write


@dataclass(frozen=True)
class Size:
    """All in bytes."""

    used: int
    """Bytes of pages that hold something; removing rows makes this smaller."""
    file: int
    """The file itself, with the pages that wait for new rows. It never gets smaller."""
    log: int
    """The write-ahead log beside it."""


def measure(store: Store) -> Size:
    """Reads the file's header only, however many rows there are."""
    page = _number(store, "page_size")
    pages, free = _number(store, "page_count"), _number(store, "freelist_count")
    return Size(used=(pages - free) * page, file=pages * page, log=_log_size(store))


def checkpoint(store: Store) -> None:
    """Moves the log's content into the file, while others read and write.

    Writers that fill the log call this after each small piece, so that no other caller has to wait
    for it.
    """
    store.rows("PRAGMA wal_checkpoint(PASSIVE)")


def keep_log_small(store: Store, limit: int = LARGE_LOG) -> None:
    """Empties a log of over `limit` bytes, where readers without a pause between them have kept
    SQLite from emptying it."""
    if _log_size(store) <= limit:
        return
    patience = _number(store, "busy_timeout")
    store.rows(f"PRAGMA busy_timeout = {_PATIENCE}")
    try:
        store.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        store.rows(f"PRAGMA busy_timeout = {patience}")


def _number(store: Store, pragma: str) -> int:
    ((value,),) = store.rows(f"PRAGMA {pragma}")
    return int(value)


def _log_size(store: Store) -> int:
    try:
        return os.stat(Path(f"{store.db.database}-wal")).st_size
    except FileNotFoundError:
        return 0
