"""The dashboard's live stream: tells open pages what has changed, as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html

A page is told of its changes once a second at most, and all pages together a few times a second:
each then fetches what it shows, so that pages cost a busy server little, however many are open.
Whoever does not read is dropped, never waited for.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from taskdock.base.notices import Notice, Notices
from taskdock.base.timing.reactor import Reactor
from taskdock.lambdas.notices import InvocationBegan, InvocationEnded
from taskdock.tasks.model.notices import TaskCanceled, TaskClaimed, TaskCreated, TaskEnded
from taskdock.web.ui.stream.topics import Topic, topics_of

MOST_READERS = 200
TICK = 0.2  # seconds between two looks at what has changed
AT_MOST_EVERY = 1.0  # seconds between two changes that one page is told
ALL_TOGETHER = 10  # pages that are told of changes within a second
MOST_FACTS = 40  # in one tick; a page that shows tasks moving could not show more
_MOST_UNREAD = 32  # events
_HEARTBEAT = 15.0  # seconds
_LONGEST = 300.0  # seconds; the page then asks anew, and may have been signed out meanwhile
_FACTS = (TaskCreated, TaskClaimed, TaskEnded, TaskCanceled, InvocationBegan, InvocationEnded)


class Reader:
    """One open page: an async iterator of bytes. On the reactor's thread."""

    def __init__(self, *, now: float, wants_facts: bool, leave: Callable[[Reader], None]) -> None:
        self.wants_facts = wants_facts
        self.pending: set[Topic] = set()
        self.told_at = float("-inf")
        self.sent_at = now
        self.until = now + _LONGEST
        self._leave = leave
        self._unread: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_UNREAD)
        self._unread.put_nowait(b"retry: 1000\nevent: hello\ndata: {}\n\n")

    def send(self, event: bytes, now: float) -> None:
        try:
            self._unread.put_nowait(event)
            self.sent_at = now
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
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


class Hub:
    def __init__(self, *, reactor: Reactor, notices: Notices) -> None:
        self._loop = reactor.loop
        self._readers: deque[Reader] = deque()
        self._lock = threading.Lock()
        self._changed: set[Topic] = set()
        self._facts: list[dict[str, Any]] = []
        self._ticking: asyncio.TimerHandle | None = None
        self._second = 0.0
        notices.subscribe(Notice, self._hear)

    def _hear(self, notice: Notice) -> None:
        """On any thread; nothing is done while no page is open."""
        if not self._readers:
            return
        topics = topics_of(type(notice))
        if not topics:
            return
        with self._lock:
            self._changed |= topics
            if isinstance(notice, _FACTS) and len(self._facts) < MOST_FACTS:
                self._facts.append({"kind": notice.name, **notice.facts})

    # On the reactor's thread

    def open(self, *, wants_facts: bool) -> Reader | None:
        """A new reader; None: there are too many."""
        if len(self._readers) >= MOST_READERS:
            return None
        now = self._loop.time()
        reader = Reader(now=now, wants_facts=wants_facts, leave=self._leave)
        self._readers.append(reader)
        if self._ticking is None:
            self._second = now
            self._ticking = self._loop.call_later(TICK, self._tick)
        return reader

    def close(self) -> None:
        """Ends all; no page is told anything any more."""
        for reader in list(self._readers):
            reader.end()
        if self._ticking is not None:
            self._ticking.cancel()

    def _leave(self, reader: Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)

    def _tick(self) -> None:
        self._ticking = None
        if not self._readers:
            with self._lock:
                self._changed, self._facts = set(), []
            return
        self._ticking = self._loop.call_later(TICK, self._tick)
        now = self._loop.time()
        with self._lock:
            changed, self._changed = self._changed, set()
            facts, self._facts = self._facts, []
        if now - self._second >= 1:
            self._second = now
            changed.add(Topic.SECOND)
        told = _event("facts", facts) if facts else None
        room = max(1, round(ALL_TOGETHER * TICK))
        for reader in list(self._readers):
            if now >= reader.until:
                reader.end()
            reader.pending |= changed
            if told and reader.wants_facts:
                reader.send(told, now)
        for _ in range(len(self._readers)):
            reader = self._readers[0]
            self._readers.rotate(-1)
            if reader.pending and now - reader.told_at >= AT_MOST_EVERY:
                reader.send(_event("changed", sorted(topic.value for topic in reader.pending)), now)
                reader.pending, reader.told_at = set(), now
                room -= 1
            elif now - reader.sent_at >= _HEARTBEAT:
                reader.send(b": still here\n\n", now)
            if not room:
                break


def _event(name: str, content: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n".encode()
