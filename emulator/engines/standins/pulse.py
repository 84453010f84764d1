"""A pulse: says every few seconds that what takes long still goes on, and how long it has taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from taskdock.base.timing.clock import Clock, SystemClock

SECONDS_BETWEEN = 5.0


class Pulse:
    """`with Pulse(say) as pulse:` says `what: 15 s` when nothing has been noted for a while."""

    def __init__(
        self,
        say: Callable[[str], object],
        *,
        clock: Clock | None = None,
        every: float = SECONDS_BETWEEN,
    ) -> None:
        """`say` is called on a thread of the pulse's own."""
        self._say = say
        self._clock = clock or SystemClock()
        self._every = every
        self._what = ""
        self._since = 0.0
        self._over = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self._thread.join()

    def note(self, what: str) -> None:
        """Names the work from now on; a further step of the same work goes on counting."""
        with self._changed:
            if what != self._what:
                self._what, self._since = what, self._clock.monotonic()
            self._changed.notify()

    def _beat(self) -> None:
        with self._changed:
            while not self._over:
                noted = self._changed.wait(self._every)
                if not noted and self._what:
                    self._say(f"{self._what}: {self._clock.monotonic() - self._since:.0f} s")
