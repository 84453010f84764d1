"""Run history: keeps the runs of functions, whoever asked for them, so that they can be replayed.

A run is kept in memory when it has ended, and a loop writes what waits, so that an invocation costs
no write. The newest runs stay, as many as the setting `history` says and as `Limits` has room for.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import NotFound
from taskdock.base.timing.clock import Clock
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.run_record import RunKind, RunRecord
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import RunRow
from taskdock.tasks.model import checks
from taskdock.tasks.runs import run_json
from taskdock.tasks.runs.run_json import RunJson

MOST = 1000  # runs in one answer
_INSERT = sql.insert(RunRow)
_SIZES = "SELECT sequence, size FROM run ORDER BY sequence"
_GET = sql.select(RunRow, "WHERE id = ?")
_DURATIONS = "SELECT task_id, duration FROM run WHERE duration IS NOT NULL AND task_id IN "


@dataclass
class Catch:
    """A place for the record of one run, which is empty until that has ended."""

    record: RunRecord | None = None


class RunHistory:
    """`begin` and `end` are the invoker's, on the reactor's thread; the rest is for any thread."""

    def __init__(self, *, store: Store, clock: Clock, most: int, most_bytes: int) -> None:
        """`most`: how many runs are kept; 0: none. `most_bytes`: how many bytes all together.
        Raises `StorageError`."""
        self._store = store
        self._clock = clock
        self._most = most
        self._most_bytes = most_bytes
        self._writing = threading.Lock()  # never taken inside a transaction
        self._adding = threading.Lock()  # held for a moment
        self._waiting: deque[RunRecord] = deque()
        self._waiting_bytes = 0
        self._last = 0  # number of the newest run
        self._resets = 0
        self._counted = 0  # the resets of `_sizes`
        self._catches: dict[str, Catch] = {}  # by request id
        self._sizes: deque[tuple[int, int]] | None = None  # numbers and sizes of what is written
        self._bytes = 0  # of these
        self._go_on()

    # For the invoker

    def begin(
        self,
        function: Function,
        event: bytes,
        *,
        kind: RunKind,
        request_id: str,
        task_id: str | None,
    ) -> RunRecord | None:
        if not self._most and request_id not in self._catches:
            return None
        now = self._clock.now()
        return RunRecord(
            id=ids.object_id(now),
            kind=kind,
            request_id=request_id,
            task_id=task_id,
            function=function,
            event=event,
            at=now,
            resets=self._resets,
        )

    def end(self, record: RunRecord) -> None:
        catch = self._catches.get(record.request_id)
        if catch is not None:
            catch.record = record
        with self._adding:
            if not self._most or record.resets != self._resets:
                return
            self._last = record.number = self._last + 1
            self._waiting.append(record)
            self._waiting_bytes += record.size
            while len(self._waiting) > self._most or (
                self._waiting_bytes > self._most_bytes and len(self._waiting) > 1
            ):  # they cannot be written, and would only be forgotten then
                self._forget_first()

    # For readers

    @contextmanager
    def catching(self, request_id: str) -> Iterator[Catch]:
        """Has the run of this request recorded, also where none is kept."""
        catch = self._catches[request_id] = Catch()
        try:
            yield catch
        finally:
            del self._catches[request_id]

    def find(
        self,
        *,
        since: int | None = None,
        function: str | None = None,
        task: str | None = None,
        request: str | None = None,
        api_request: str | None = None,
        failed: bool = False,
        limit: int = MOST,
    ) -> tuple[list[RunJson], int]:
        """Runs in the order in which they ended: the first `limit` after the number `since`, or the
        newest ones; and the number to go on from."""
        with self._adding:
            last = self._last
        self.write_waiting()
        wanted = {
            "sequence > ?": since,
            "function_name = ?": function,
            "task_id = ?": task,
            "request_id = ?": request,
            "api_request_id = ?": api_request,
        }
        given = {words: value for words, value in wanted.items() if value is not None}
        conditions = [*given, *(["error IS NOT NULL"] if failed else [])]
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        order = "DESC" if since is None else "ASC"
        statement = sql.select(RunRow, f"{where}ORDER BY sequence {order} LIMIT ?")
        rows = self._store.rows(statement, (*given.values(), limit))
        found = [_shown(row) for row in (rows if since is not None else reversed(rows))]
        if found and (len(found) == limit or found[-1]["sequence"] > last):
            last = found[-1]["sequence"]
        return found, last

    def durations(self, tasks: Sequence[str]) -> dict[str, float]:
        """How long the runs of these tasks took, in milliseconds, by the ids of those that are
        kept. No event or answer is read for it."""
        self.write_waiting()
        statement = f"{_DURATIONS}({sql.placeholders(len(tasks))})"
        return dict(self._store.rows(statement, tasks))

    def get(self, id: str) -> RunJson:
        """Raises `BadId` or `NotFound`."""
        self.write_waiting()
        rows = self._store.rows(_GET, (checks.object_id(id),))
        if not rows:
            raise NotFound(f"there is no run {id}; taskdock runs list shows those that are kept")
        return _shown(rows[0])

    def clear(self) -> int:
        """Forgets all runs, also those that have begun and not ended; how many had ended. Only
        inside a transaction."""
        with self._adding:
            self._resets += 1
            count = len(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        return count + self._store.change("DELETE FROM run")

    def write_waiting(self) -> None:
        """Writes the runs up to now, and forgets the oldest beyond the bounds."""
        with self._writing:
            with self._adding:
                resets, waiting = self._resets, list(self._waiting)
            if not waiting:
                return
            rows = [sql.to_row(RunRow, run_json.to_row(record)) for record in waiting]
            try:
                with self._store.transaction():
                    if resets != self._resets:  # what was written is gone, and so are these
                        self._sizes = None
                        return
                    self._store.change_many(_INSERT, rows)
                    self._trim((record.number, record.size) for record in waiting)
            except BaseException:
                self._sizes = None  # they are read again
                raise
            with self._adding:
                while self._waiting and self._waiting[0].number <= waiting[-1].number:
                    self._forget_first()

    def _forget_first(self) -> None:
        self._waiting_bytes -= self._waiting.popleft().size

    def _trim(self, written: Iterable[tuple[int, int]]) -> None:
        """Forgets the oldest that are too many, but for one, however large that is. Only inside a
        transaction, which has just written some more."""
        if self._sizes is None or self._counted != self._resets:
            self._counted = self._resets
            self._sizes, self._bytes = deque(), 0
            written = self._store.rows(_SIZES)
        forgotten = 0
        for number, size in written:
            self._sizes.append((number, size))
            self._bytes += size
        while len(self._sizes) > self._most or (
            self._bytes > self._most_bytes and len(self._sizes) > 1
        ):
            forgotten, size = self._sizes.popleft()
            self._bytes -= size
        if forgotten:
            self._store.change("DELETE FROM run WHERE sequence <= ?", (forgotten,))

    def _go_on(self) -> None:
        """Goes on with the runs of an earlier server, as many as are to be kept now."""
        with self._store.transaction():
            self._trim(())
        self._last = self._sizes[-1][0] if self._sizes else 0


def shown(record: RunRecord) -> RunJson:
    """A run that has ended, as JSON."""
    return run_json.to_json(run_json.to_row(record))


def _shown(row: tuple[Any, ...]) -> RunJson:
    return run_json.to_json(sql.from_row(RunRow, row))
