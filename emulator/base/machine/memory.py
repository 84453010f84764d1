"""The memory of this process: less work for the garbage collector, and free memory given back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def importing() -> Iterator[None]:
    """Around imports of much code. The garbage collector finds nothing in what modules make, since
    it stays, and would take a sixth of the time in which the server is imported."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep() -> None:
    """Tells the garbage collector to leave out all objects of this moment, since they stay as long
    as the process. Looking through all modules takes about 50 ms, and no thread runs meanwhile, nor
    does the event loop.

    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.freeze()


def give_back() -> None:
    """Gives free memory back to the system, also between pages in use: by itself, glibc gives back
    only the end of a heap. Takes some milliseconds for each 100 MB; for any thread. Does nothing
    where the C library is another.

    https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    library = _library()
    if library is not None:
        library.malloc_trim(0)


@cache
def _library() -> Any:
    import ctypes  # noqa: PLC0415 - late: the command imports this module, and never needs that

    try:
        library = ctypes.CDLL(None)
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError, TypeError):  # musl and macOS have none
        return None
    return library
