"""Settling: a runtime is done with an invocation when nothing that it printed is on its way any
more.

A flush asks the engine for a sign that all output up to then has been handed over. One flush is not
enough after a lot of output. Node.js asks for its next event while it still writes, and a pipe
takes only so much at once; so the rest may be inside the runtime. Therefore the runtime is asked
again after a moment, until nothing more has come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

Then = Callable[[], object]


class Settling:
    """On the reactor's thread."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        flush: Callable[[], object],
        pipe: int,
        quiet: float,
    ) -> None:
        """`flush` asks the engine for a flush, which `flushed` answers. `pipe`: bytes that a pipe
        surely takes at once. `quiet`: seconds without output after which nothing is left inside a
        runtime that has printed more than that."""
        self._loop = loop
        self._flush = flush
        self._pipe = pipe
        self._quiet = quiet
        self.last_output = float("-inf")
        """The time at which output has arrived last, by the event loop's clock."""
        self._awaited: deque[Then] = deque()  # one for each flush that was asked for, in order
        self._printed = 0  # bytes since the last time that all had arrived
        self._printed_before = 0  # the same, at the last look

    def restart(self) -> None:
        """Another runtime starts. A flush that the former one never answered is forgotten, else it
        would take the answer to the next one."""
        self._awaited.clear()

    def printed(self, size: int) -> None:
        """Counts so many bytes that have arrived."""
        self._printed += size
        self.last_output = self._loop.time()

    def after_flush(self, then: Then) -> None:
        """Has `then` called when all output up to now has been handed over, unless the container
        ends first."""
        self._awaited.append(then)
        self._flush()

    def flushed(self) -> None:
        """The oldest flush has been answered."""
        if self._awaited:
            self._awaited.popleft()()

    def after_output(self, then: Then) -> None:
        """Has `then` called when nothing more comes from the runtime, unless that ends first."""
        self.after_flush(partial(self._look, then))

    def _look(self, then: Then) -> None:
        printed = self._printed
        if printed >= self._pipe and printed != self._printed_before:
            self._printed_before = printed
            self._loop.call_later(self._quiet, self.after_output, then)
            return
        self._printed = self._printed_before = 0
        then()
