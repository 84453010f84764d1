"""Places for calls that wait: each holds a thread, so there is a limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from taskdock.base.errors import TooManyWaits


@contextmanager
def place(places: threading.BoundedSemaphore) -> Iterator[None]:
    """Holds one of the places. Raises `TooManyWaits` at once when none is free."""
    if not places.acquire(blocking=False):
        raise TooManyWaits
    try:
        yield
    finally:
        places.release()
