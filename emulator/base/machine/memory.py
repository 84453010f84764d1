"""The memory of this process: what stays is not looked at again, and what is free goes back."""

from __future__ import annotations

import ctypes
import gc
from functools import cache
from typing import Any


def keep() -> None:
    """What there is stays as long as the process does, so the garbage collector leaves it out: to
    look through all modules takes it some 50 ms, in which no thread goes on, the event loop's
    neither.

    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.freeze()


def give_back() -> None:
    """What is free, also between what is in use: by itself, glibc gives back only what is free at
    the end of a heap. Takes some milliseconds for each 100 MB; for any thread. Elsewhere than with
    glibc it does nothing.

    https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """
    library = _library()
    if library is not None:
        library.malloc_trim(0)


@cache
def _library() -> Any:
    try:
        library = ctypes.CDLL(None)
        library.malloc_trim.argtypes = [ctypes.c_size_t]
    except (OSError, AttributeError, TypeError):  # musl and macOS have none
        return None
    return library
