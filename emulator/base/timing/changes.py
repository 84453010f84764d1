"""Waits for something to become true of an object that says when it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """On the thread of its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[asyncio.Future[None]] = []

    def publish(self) -> None:
        """Has everybody who waits look again."""
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)

    async def until(self, condition: Callable[[], bool], limit: float) -> bool:
        """Waits `limit` seconds at most until `condition` holds; whether it does."""
        if condition():
            return True
        over = self._loop.create_future()
        timer = self._loop.call_later(limit, over.set_result, None)
        over.add_done_callback(lambda _: self.publish())
        try:
            while not condition() and not over.done():
                change = self._loop.create_future()
                self._waiting.append(change)
                await change
        finally:
            timer.cancel()
        return condition()
