"""The dashboard's live stream: tells open pages what has changed, as server-sent events.

https://html.spec.whatwg.org/multipage/server-sent-events.html

Changes are gathered, and told to all pages in one *telling*: an event that is encoded once, with
the number of the telling as its id. Each page then fetches the parts that show it, and names
that number, so that a part is made once for all pages (`shared_parts`). There is a telling a second
at most, and fewer where what the pages fetched after the last one has cost the server more than its
share. A page that does not read is dropped, never waited for.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from taskdock import __version__
from taskdock.base.notices import Notice, Notices
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.reactor import Reactor
from taskdock.lambdas.notices import InvocationBegan, InvocationEnded
from taskdock.tasks.model.notices import TaskCanceled, TaskClaimed, TaskCreated, TaskEnded
from taskdock.web.ui.stream.open_page import OpenPage
from taskdock.web.ui.stream.topics import Topic, topics_of

TICK = 0.1  # seconds between two looks at what has changed
AT_MOST_EVERY = 1.0  # seconds between two tellings of changes
SHARE = 0.02
"""Of a processor's time: what all pages together may take of a busy server, by this account. Its
costs were measured at rest. A busy server, whose threads wait for each other, needs up to twice as
much, and a hundred pages have to cost it less than 5 %."""
LONGEST = 10.0  # seconds between two tellings, whatever pages cost
AT_ONCE = 5  # pages that are told in one tick; of more, a fifth, so that nobody waits for them all
MOST_FACTS = 40  # in one event; a page that shows tasks moving could not show more
FACT_COST = 0.03
"""Seconds between two events with facts, for each page that wants them: to send one takes a busy
server up to 0.4 ms."""
_TOLD = 0.00005  # seconds of processor time to tell a page
_FACTS = (TaskCreated, TaskClaimed, TaskEnded, TaskCanceled, InvocationBegan, InvocationEnded)


class Hub:
    """On the reactor's thread, but for `_hear`, which is called on any."""

    def __init__(self, *, reactor: Reactor, notices: Notices, limits: Limits) -> None:
        self._limits = limits
        self._loop = reactor.loop
        self._readers: dict[OpenPage, float] = {}  # until when, in the order of that
        self._wanting = 0  # readers that want facts
        self.told = 0
        """The number of the last telling: what had changed before it can be fetched."""
        self._untold: deque[OpenPage] = deque()  # of the last telling
        self._event = b""  # of the last telling
        self._slot = AT_ONCE
        self._began = self._changes_at = self._second_at = self._facts_at = float("-inf")
        self._spent = 0.0  # seconds of processor time, since the last telling
        self._ticking = False
        self._closed = False
        self._lock = threading.Lock()
        self._changed: set[Topic] = set()
        self._facts: list[dict[str, Any]] = []
        self._notices = notices
        self._unsubscribe: Callable[[], None] = lambda: None

    def _hear(self, notice: Notice) -> None:
        """On any thread; nothing is done while no page is open."""
        if not self._readers:
            return
        topics = topics_of(type(notice))
        if not topics or (topics <= self._changed and not self._wanting):
            return  # most notices of a busy server tell a page nothing new
        with self._lock:
            self._changed |= topics
            if self._wanting and len(self._facts) < MOST_FACTS and isinstance(notice, _FACTS):
                self._facts.append({"kind": notice.name, **notice.facts})

    # On the reactor's thread

    def open(self, *, wants_facts: bool) -> OpenPage | None:
        """A new reader; None: there are too many, or the server stops."""
        if self._closed or len(self._readers) >= self._limits.pages:
            return None
        if not self._readers:
            # While no page is open, notices of which there are very many are not even made.
            self._unsubscribe = self._notices.subscribe(Notice, self._hear)
            self.told += 1  # what has changed since the last page was closed, nobody has heard
            self._second_at = self._loop.time()
        reader = OpenPage(wants_facts=wants_facts, leave=self._leave)
        self._readers[reader] = self._loop.time() + self._limits.page_open
        self._wanting += wants_facts
        reader.send(b"retry: 1000\n" + _event("hello", {"version": __version__}, self.told))
        if not self._ticking:
            self._ticking = True
            self._loop.call_later(TICK, self._tick)
        return reader

    def close(self) -> None:
        """Ends all; no page is told anything any more."""
        self._closed = True
        for reader in list(self._readers):
            reader.end()

    def spend(self, seconds: float) -> None:
        """Counts processor time that was taken because pages were told of something."""
        self._spent += seconds

    def _leave(self, reader: OpenPage) -> None:
        if reader in self._readers:
            del self._readers[reader]
            self._wanting -= reader.wants_facts
            if not self._readers:
                self._unsubscribe()

    def _tick(self) -> None:
        self._ticking = bool(self._readers)
        if not self._readers:
            self._untold.clear()
            with self._lock:
                self._changed, self._facts = set(), []
            return
        self._loop.call_later(TICK, self._tick)
        now = self._loop.time()
        for reader in [each for each, until in self._readers.items() if until <= now]:
            reader.end()
        self._tell_facts(now)
        if not self._untold:
            self._begin(now)
        for _ in range(min(self._slot, len(self._untold))):
            reader = self._untold.popleft()
            if reader in self._readers:
                reader.send(self._event)
                self._spent += _TOLD

    def _begin(self, now: float) -> None:
        """Begins a telling, if it is time for one."""
        since = now - self._began
        if since < min(self._spent / SHARE, LONGEST):
            return
        changed: set[Topic] = set()
        if self._changed and now - self._changes_at >= AT_MOST_EVERY:
            with self._lock:
                changed, self._changed = self._changed, set()
            self._changes_at = now
        # Together with changes: a little early beside them, and not alone where some come soon.
        is_second = now - self._second_at >= (AT_MOST_EVERY / 2 if changed else AT_MOST_EVERY)
        if is_second and (changed or not self._changed):
            self._second_at = now
            changed.add(Topic.SECOND)
        if not changed:
            return
        self.told += 1
        self._began, self._spent = now, 0.0
        self._event = _event("changed", sorted(topic.value for topic in changed), self.told)
        self._untold.extend(self._readers)
        self._slot = max(AT_ONCE, -(-len(self._readers) // 5))

    def _tell_facts(self, now: float) -> None:
        if not self._facts or now - self._facts_at < self._wanting * FACT_COST:
            return
        self._facts_at = now
        with self._lock:
            facts, self._facts = self._facts, []
        event = _event("facts", facts)
        for reader in list(self._readers):
            if reader.wants_facts:
                reader.send(event)


def _event(name: str, content: Any, id: int | None = None) -> bytes:
    line = "" if id is None else f"id: {id}\n"
    return f"{line}event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n".encode()
