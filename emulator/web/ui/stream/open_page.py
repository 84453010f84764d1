"""One open page, as the stream sees it: what it has not read yet, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

MOST_UNREAD = 16
"""Events that wait for a page. They wait only behind 64 KB that lie in its connection already."""


class OpenPage:
    """An async iterator of bytes, on the reactor's thread. A page that does not read is dropped."""

    def __init__(self, *, wants_facts: bool, leave: Callable[[OpenPage], None]) -> None:
        self.wants_facts = wants_facts
        self._leave = leave
        self._unread: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_UNREAD)

    def send(self, event: bytes) -> None:
        """Never waits: a page that has not read so many events gets no more."""
        try:
            self._unread.put_nowait(event)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """Drops events that are unread, too."""
        self._leave(self)
        while not self._unread.empty():
            self._unread.get_nowait()
        self._unread.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        event = await self._unread.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        self._leave(self)
