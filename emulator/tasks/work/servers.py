"""Servers: which ones work on this database, so that nothing stays claimed by one that is gone.

Each server has a row and counts up in it now and then. Another one that sees the same count for too
long takes that server for gone, whatever their clocks say. One server has the data folder today, so
the others that it finds at its start are gone; nothing else here relies on that.
"""

from __future__ import annotations

import contextlib

from taskdock.base.errors import StorageError
from taskdock.base.timing.clock import Clock, to_epoch
from taskdock.store.database import Store

_ENTER = """INSERT INTO server (id, started_timestamp, seen_timestamp, beats) VALUES (?, ?, ?, 0)
    ON CONFLICT (id) DO UPDATE SET seen_timestamp = excluded.seen_timestamp, beats = beats + 1"""
_ALL = "SELECT id, beats FROM server WHERE id <> ?"
_LEAVE = "DELETE FROM server WHERE id = ?"
_FORGET = "DELETE FROM server WHERE id = ? AND beats = ?"
_FORGET_OTHERS = "DELETE FROM server WHERE id <> ?"


class Servers:
    """For one thread at a time."""

    def __init__(self, *, store: Store, name: str, clock: Clock, silence: float) -> None:
        """`name`: of this server, as its claims carry it. `silence`: seconds without a beat after
        which another server is gone."""
        self.name = name
        self._store = store
        self._clock = clock
        self._silence = silence
        self._seen: dict[str, tuple[int, float]] = {}
        """The beats of each other server, and since when (monotonic) there have been so many."""

    def enter(self, *, alone: bool) -> None:
        """Before the first claim. `alone`: no other server has the database."""
        with self._store.transaction():
            if alone:
                self._store.change(_FORGET_OTHERS, (self.name,))
            self.beat()

    def beat(self) -> None:
        """Says that this server is alive."""
        now = to_epoch(self._clock.now())
        self._store.change(_ENTER, (self.name, now, now))

    def leave(self) -> None:
        """After the last ending: what is still claimed by this server is given back by others.
        Where that cannot be written, they find out by its silence."""
        with contextlib.suppress(StorageError):
            self._store.change(_LEAVE, (self.name,))

    def alive(self) -> list[str]:
        """The names of this server and of every other one that has not been silent for too long.
        Rows of the silent ones are removed."""
        now = self._clock.monotonic()
        beats = dict(self._store.rows(_ALL, (self.name,)))
        self._seen = {name: self._last(name, count, now) for name, count in beats.items()}
        gone = [name for name, (_, since) in self._seen.items() if now - since >= self._silence]
        for name in gone:
            self._store.change(_FORGET, (name, beats[name]))
        return [self.name, *(name for name in beats if name not in gone)]

    def _last(self, name: str, beats: int, now: float) -> tuple[int, float]:
        known = self._seen.get(name)
        return known if known is not None and known[0] == beats else (beats, now)
