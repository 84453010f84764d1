"""Listeners: who waits for anything to change of what runs and of what is due."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from taskdock.base.timing.signal import Signal


class Listeners:
    """For any thread."""

    def __init__(self) -> None:
        self._signals: tuple[Signal, ...] = ()
        self._lock = threading.Lock()

    def tell(self) -> None:
        """Sets the signals of all; it costs nothing where nobody listens."""
        for signal in self._signals:
            signal.set()

    @contextmanager
    def listen(self) -> Iterator[Signal]:
        """A signal that is set at each change, from now on; whoever waits for it clears it."""
        signal = Signal()
        with self._lock:
            self._signals = (*self._signals, signal)
        try:
            yield signal
        finally:
            with self._lock:
                self._signals = tuple(each for each in self._signals if each is not signal)
