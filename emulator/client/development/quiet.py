"""The quiet after changes: tells when files may be taken for complete. Pure."""

from __future__ import annotations

from dataclasses import dataclass

QUIET = 0.15
"""Seconds without a change, after which the files are taken for complete."""
LONGEST = 2.0
"""Seconds that changes which do not end are waited for."""


@dataclass
class Quiet:
    waited: float
    """Seconds of quiet that have passed when a change is heard of."""
    _since: float | None = None
    """The time of the first change that nothing was done about."""
    _last: float = 0.0

    @property
    def is_awaited(self) -> bool:
        return self._since is not None

    def changed(self, now: float) -> None:
        self._last = now
        self._since = now if self._since is None else self._since

    def pause(self, now: float) -> float | None:
        """Seconds until the changes have settled; None: there are none."""
        if self._since is None:
            return None
        due = min(self._last + QUIET - self.waited, self._since + LONGEST)
        return max(due - now, 0.0)

    def settled(self) -> None:
        self._since = None
