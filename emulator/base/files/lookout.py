"""Lookout: looks every second whether the data folder is there, and troubles are over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from taskdock.base.errors import DataFolderLost
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.loop import Loop

DATA_FOLDER = "data folder"
"""Name of the trouble in `Health`."""
_ROUND = 1.0  # seconds


class Lookout(Loop):
    name = "lookout"

    def __init__(
        self,
        *,
        faults: Sequence[Callable[[], str | None]],
        refuse: Callable[[DataFolderLost], object],
        look_again: Sequence[Callable[[], object]],
        give_up: Callable[[str], object],
        health: Health,
        notices: Notices,
    ) -> None:
        """Each of `faults` returns why everything written from now on would be lost, or None. At
        the first reason, `refuse` is called, so that nothing is written any more, and then
        `give_up` with the reason: both once. Each of `look_again` clears its troubles that are
        over."""
        super().__init__(SystemClock(), notices)  # a disk knows no other
        self._faults = faults
        self._refuse = refuse
        self._look_again = look_again
        self._give_up = give_up
        self._health = health
        self._lost = False

    def run_once(self) -> float:
        for fault in self._faults:
            if not self._lost and (reason := fault()):
                self._lost = True
                self._refuse(DataFolderLost(reason))
                self._health.report(DATA_FOLDER, reason)
                self._give_up(reason)
        for look in self._look_again:
            look()
        return _ROUND
