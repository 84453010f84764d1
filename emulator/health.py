"""What does not work at the moment: a trouble each, with its reason and since when.

Whoever finds that something it relies on fails reports it here; whoever sees it work again clears
it. `/health` and `/status` tell, so nothing turns itself off in silence.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

from emulator.clock import Clock, SystemClock
from emulator.notices import Notices


@dataclass(frozen=True)
class Trouble:
    name: str
    """What does not work, in a word or two: `engine`, `database`, `data folder`."""
    reason: str
    """What was met, and what to do about it, in a sentence."""
    since: datetime
    degraded: bool
    """True: all is served, but worse. False: some calls are refused or wait."""


class Health:
    """For any thread."""

    def __init__(self, *, clock: Clock | None = None, notices: Notices | None = None) -> None:
        """Without `notices` it remembers, and tells only who asks."""
        self._clock = clock or SystemClock()
        self._notices = notices
        self._troubles: dict[str, Trouble] = {}
        self._lock = threading.Lock()

    def report(self, name: str, reason: str, *, degraded: bool = False) -> None:
        """It does not work. Told once: again only after `clear`, or when the reason is another."""
        with self._lock:
            known = self._troubles.get(name)
            since = known.since if known else self._clock.now()
            trouble = Trouble(name, reason, since, degraded)
            if trouble == known:
                return
            self._troubles[name] = trouble
        self._publish("trouble_began", what=name, reason=reason)

    def clear(self, name: str) -> None:
        """It works; harmless, and quick, where nothing was reported."""
        if name not in self._troubles:
            return
        with self._lock:
            known = self._troubles.pop(name, None)
        if known is not None:
            self._publish("trouble_ended", what=name)

    def troubles(self) -> list[Trouble]:
        """The oldest first."""
        with self._lock:
            return sorted(self._troubles.values(), key=lambda trouble: trouble.since)

    def _publish(self, name: str, **facts: str) -> None:
        if self._notices is not None:
            self._notices.publish(name, **facts)
