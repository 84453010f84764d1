"""Health: the troubles of a server at the moment, each with its reason and its beginning.

A part that sees something fail on which it relies reports a trouble, and clears the trouble when it
sees the thing work again. `/health` and `/status` show all troubles, so nothing is turned off in
silence.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from datetime import datetime

from taskdock.base.notices import Notice, Notices, TroubleBegan, TroubleEnded
from taskdock.base.timing.clock import Clock, SystemClock, Timer
from taskdock.base.timing.limits import Limits


@dataclass(frozen=True)
class Trouble:
    name: str
    """The thing that does not work, in a word or two: `engine`, `database`, `data folder`."""
    reason: str
    """A sentence for people: what was seen, and what to do about it."""
    since: datetime
    degraded: bool
    """True: all calls are served, but worse. False: some calls are refused or wait."""


class Health:
    """For any thread."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        notices: Notices | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """Without `notices`, troubles are kept for who asks and published nowhere."""
        self._clock = clock or SystemClock()
        self._notices = notices
        self._limits = limits
        self._troubles: dict[str, Trouble] = {}
        self._lock = threading.Lock()
        self._passing: dict[str, Timer] = {}

    def report(self, name: str, reason: str, *, degraded: bool = False) -> None:
        """Reports that `name` does not work. A notice is published the first time, and again only
        after `clear` or for another reason."""
        with self._lock:
            known = self._troubles.get(name)
            since = known.since if known else self._clock.now()
            trouble = Trouble(name, reason, since, degraded)
            if trouble == known:
                return
            self._troubles[name] = trouble
        self._publish(TroubleBegan(what=name, reason=reason))

    def report_passing(self, name: str, reason: str, loop: asyncio.AbstractEventLoop) -> None:
        """Reports a trouble that nobody sees end: it is cleared when it has not been reported for
        `Limits.trouble_over`. To be called on the thread of `loop`."""
        self.report(name, reason)
        if name in self._passing:
            self._passing[name].cancel()
        self._passing[name] = self._clock.call_later(
            loop, self._limits.trouble_over, self.clear, name
        )

    def clear(self, name: str) -> None:
        """Ends the trouble `name`. Harmless, and quick, where there is none."""
        if name not in self._troubles:
            return
        with self._lock:
            known = self._troubles.pop(name, None)
        if known is not None:
            self._publish(TroubleEnded(what=name))

    def troubles(self) -> list[Trouble]:
        """All troubles, the oldest first."""
        with self._lock:
            return sorted(self._troubles.values(), key=lambda trouble: trouble.since)

    def _publish(self, notice: Notice) -> None:
        if self._notices is not None:
            self._notices.publish(notice)
