"""The deadline of a request: a minute to arrive, and a second more for each `LEAST_RATE` bytes.

So only a client that is too slow to come to an end is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LEAST_RATE = 32 * 1024
"""Bytes of a body a second: a zip of 50 MB, as JSON, may take 36 minutes."""


class Deadline:
    """The deadline of the request that arrives on one connection, if any. On the reactor's
    thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        patience: float | None,
        *,
        came: Callable[[], int],
        is_paused: Callable[[], bool],
        over: Callable[[], object],
    ) -> None:
        """`patience`: seconds, None for any time. `came`: bytes of the body that have arrived.
        `is_paused`: the server does not read, so the client is not at fault, and has `patience`
        once more. `over` is called when the time is up."""
        self._loop = loop
        self._patience = patience
        self._came = came
        self._is_paused = is_paused
        self._over = over
        self._began: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def runs(self) -> bool:
        return self._began is not None

    def begin(self) -> None:
        if self._patience is not None:
            self._began = self._loop.time()
            if self._timer is None:  # else it was set for a request before, and looks at this one
                self._timer = self._loop.call_later(self._patience, self._look)

    def end(self) -> None:
        """The request has arrived, or its time is to be counted anew."""
        self._began = None

    def close(self) -> None:
        self._began = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._began is None or self._patience is None:
            return
        left = self._began + self._patience + self._came() / LEAST_RATE - self._loop.time()
        if left <= 0 and self._is_paused():
            left = self._patience
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._over()
