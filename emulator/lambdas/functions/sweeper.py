"""Sweeper: removes the code that was set aside, a piece at a time, while all else goes on.

A tree may have 100,000 files. A piece takes some milliseconds, and a stop waits for one at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.loop import Loop
from taskdock.lambdas.functions import tree
from taskdock.lambdas.functions.code import CodeStore

TROUBLE = "code"
_PIECE = 500  # files and folders
_PAUSE = 0.05  # seconds between two pieces
_ROUND = 10.0  # seconds between two looks when there is nothing to do


class Sweeper(Loop):
    name = "sweeper"

    def __init__(self, *, code: CodeStore, health: Health, notices: Notices) -> None:
        super().__init__(SystemClock(), notices)  # a disk knows no other
        self._code = code
        self._health = health
        self._work: Iterator[None] = iter(())
        self._stays: set[Path] = set()  # it was tried in vain: the next start tries again

    def run_once(self) -> float:
        """Removes one piece, and asks to be called again soon if there may be more."""
        if sum(1 for _ in islice(self._work, _PIECE)) == _PIECE:
            return _PAUSE
        waiting = [path for path in self._code.set_aside() if path not in self._stays]
        self._work = self._remove(waiting)
        return _PAUSE if waiting else _ROUND

    def _remove(self, paths: list[Path]) -> Iterator[None]:
        for path in paths:
            yield from tree.removing(path)
            if path.is_symlink() or path.exists():
                self._stays.add(path)
                self._health.report(
                    TROUBLE,
                    f"code that no function has cannot be removed: look at {path}, and remove it",
                    degraded=True,
                )
