"""Scratch disks as long as they can be had: where one fails, there are none for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable

from taskdock.base.health import Health
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.engines.linux.scratch_disk import Scratch

DISKS = "disks for /tmp"
"""The trouble's name in `Health`."""
UNLIMITED = "the size of /tmp is not limited: "
"""Said where there are none, with the reason behind it."""
REST = 60.0  # seconds until disks that have failed are tried again


class Disks:
    """For any thread."""

    def __init__(
        self,
        scratch: Scratch | None,
        *,
        reopen: Callable[[], Scratch | str] | None = None,
        health: Health | None = None,
        warn: Callable[[str], object] = lambda _: None,
        clock: Clock | None = None,
        rest: float = REST,
    ) -> None:
        """`reopen`: gives disks, or says why there are none; it is asked again `rest` seconds after
        disks have failed. `warn`: is told when they fail."""
        self._scratch = scratch
        self._reopen = reopen
        self._health = health or Health()
        self._warn = warn
        self._clock = clock or SystemClock()
        self._rest = rest
        self._lock = threading.Lock()
        self._again = 0.0  # when they are tried again, by the monotonic clock

    @property
    def there(self) -> bool:
        return self._scratch is not None

    def now(self) -> Scratch | None:
        with self._lock:
            due = self._scratch is None and self._clock.monotonic() >= self._again
            if due and self._reopen is not None:
                found = self._reopen()
                if isinstance(found, str):
                    self._forgo(found)
                else:
                    self._scratch = found
                    self._health.clear(DISKS)
            return self._scratch

    def forgo(self, reason: str, *, for_good: bool = False) -> None:
        """There are none for now."""
        with self._lock:
            if for_good:
                self._reopen = None
            self._forgo(reason)

    def _forgo(self, reason: str) -> None:
        """Under the lock. Told once, be it tried in vain however often."""
        self._again = self._clock.monotonic() + self._rest
        warning = f"{UNLIMITED}{reason}"
        if self._scratch is not None:
            self._warn(warning)
        self._scratch = None
        self._health.report(DISKS, warning, degraded=True)
