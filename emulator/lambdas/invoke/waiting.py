"""The wait of an invocation for its environment, and who hears of it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from taskdock.engines.watch import EngineWatch
from taskdock.lambdas.invoke.run_record import RunRecord

_AT_ONCE = 0.05  # seconds; an invocation that gets its environment later has waited for it


class Turn(Protocol):
    """An invocation that waits for its turn to begin. On the reactor's thread."""

    def waits(self) -> None:
        """Called when there is no environment at once. May not block."""

    async def begins(self) -> bool:
        """Called when there is one, only after `waits`. False: the invocation may not begin."""


class Waiting:
    """Begins with the wait. Unless the wait is over at once, its turn hears of it, and so does the
    engine's watch: it may be the engine that nothing comes from."""

    def __init__(self, turn: Turn | None, watch: EngineWatch) -> None:
        self._turn = turn
        self._watch = watch
        self._awaited: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._timer = self._loop.call_later(_AT_ONCE, self._wait_longer)

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _wait_longer(self) -> None:
        self._awaited = self._watch.await_answers()
        if self._turn is not None:
            self._turn.waits()

    def end(self, record: RunRecord | None = None) -> None:
        """`record` keeps how long it was."""
        if record is not None:
            record.waited = (self._loop.time() - self._begun) * 1000
        self._timer.cancel()
        if self._awaited is not None:
            self._watch.forget(self._awaited)

    async def may_begin(self) -> bool:
        return self._turn is None or self._awaited is None or await self._turn.begins()
