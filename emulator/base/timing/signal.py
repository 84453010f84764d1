"""Signal: a flag that threads wait for, and that a clock can have them look away from."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Signal:
    """As `threading.Event`, for any thread; but whoever waits for it can be nudged to look at
    something else, such as a clock that was moved."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._set = False

    def set(self) -> None:
        with self._changed:
            self._set = True
            self._changed.notify_all()

    def clear(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, seconds: float | None = None) -> bool:
        """Returns when it is set, or after so many seconds of real time; whether it is set."""
        with self._changed:
            return self._changed.wait_for(self.is_set, seconds)

    def nudge(self) -> None:
        """Has whoever waits by `wait_or` ask again."""
        with self._changed:
            self._changed.notify_all()

    def wait_or(self, left: Callable[[], float | None]) -> bool:
        """Returns when it is set, or `left` says 0; whether it is set.

        `left`: the seconds of real time after which it is to be asked again; None: not before a
        nudge.
        """
        with self._changed:
            while not self._set:
                seconds = left()
                if seconds is not None and seconds <= 0:
                    break
                self._changed.wait(seconds)
            return self._set
