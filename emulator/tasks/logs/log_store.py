"""Log lines of tasks, API requests and invocations, which are their owners.

Lines wait in buffers until they are written: with the ending of their owner, in its transaction, or
by the flusher, which writes all buffers every moment. So lines can be read while their owners run.
A buffer that was opened before a reset is void: nothing of its owner is written any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from operator import or_

from peewee import fn

from taskdock.base.notices import LoopFailed, Notices
from taskdock.base.timing.clock import SystemClock, to_epoch
from taskdock.base.timing.loop import Loop
from taskdock.lambdas.log_line import LogLine
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import ApiRequestRow, InvocationRow, LogRow, TaskRow
from taskdock.tasks.logs.invocation_record import InvocationRecord, write_invocations
from taskdock.tasks.model.notices import LogLinesDropped

_WRITE_EVERY = 0.3  # seconds
_MANY = 500  # lines of one owner that are not left waiting
_OVERHEAD = 500  # bytes that a line or a buffer takes beside its text, about
_INSERT = sql.insert(LogRow, ("task_id", "timestamp", "message"))


class LogBuffer:
    """Takes one owner's lines as they come. Any thread may call it; a buffer never blocks, and need
    not be closed.

    There is no lock: a list is appended to, sliced and cut at once, whatever other threads do.
    """

    def __init__(
        self, log_store: LogStore, owner_id: str, invocation: InvocationRecord | None = None
    ) -> None:
        """`invocation`: its row is still to be written, before its lines."""
        self.owner_id = owner_id
        self.invocation = invocation
        self.lines: list[LogLine] = []
        self._log_store = log_store
        self._resets = log_store.resets

    @property
    def is_void(self) -> bool:
        """Whether a reset has come since it was opened; none comes within `writing`."""
        return self._resets < self._log_store.resets

    def __call__(self, line: LogLine) -> None:
        self.lines.append(line)
        self._log_store.await_writing(self)
        if len(self.lines) % _MANY == 0:
            self._log_store.hurry()

    def weight(self) -> int:
        """Bytes that the buffer holds, about."""
        return _OVERHEAD + sum(_OVERHEAD + len(line.message) for line in self.lines[:])

    def forget(self, count: int) -> None:
        """The row and so many lines are written."""
        self.invocation = None
        del self.lines[:count]


class LogStore:
    def __init__(self, store: Store, *, max_waiting: int) -> None:
        """`max_waiting`: bytes of lines that wait; where more wait and cannot be written, the
        oldest go."""
        self._store = store
        self._max_waiting = max_waiting
        self._waiting: dict[LogBuffer, None] = {}  # those that hold something, the longest first
        self._writing = threading.RLock()
        self.resets = 0
        self.hurry: Callable[[], object] = lambda: None
        """Has the flusher write soon; for any thread."""

    def open(self, owner_id: str) -> LogBuffer:
        """The buffer of an owner whose row is written by others."""
        return LogBuffer(self, owner_id)

    @contextmanager
    def opening(self, owner_id: str) -> Iterator[LogBuffer]:
        """The buffer of an owner whose row is written inside: no reset comes between the two."""
        with self._store.turn():
            yield self.open(owner_id)

    def open_invocation(self, invocation: InvocationRecord) -> LogBuffer:
        """The buffer of an invocation. The flusher's next turn writes its row, before its lines.

        For any thread, also the reactor's: the call never blocks.
        """
        buffer = LogBuffer(self, invocation.id, invocation)
        self.await_writing(buffer)
        return buffer

    def await_writing(self, buffer: LogBuffer) -> None:
        self._waiting[buffer] = None

    def write_waiting(self) -> None:
        """Writes all that the buffers have taken up to now; raises when one cannot be written."""
        self._write_all(list(self._waiting))

    @contextmanager
    def writing(self, buffers: Collection[LogBuffer]) -> Iterator[None]:
        """A transaction that also writes the lines that these buffers hold.

        The buffers forget the lines when that is committed; until then they are written again.
        """
        with self._writing:  # until they have forgotten it: nobody may write it twice
            held = [(buffer, buffer.lines[:]) for buffer in buffers]
            kept = [(buffer, lines) for buffer, lines in held if not buffer.is_void]
            with self._store.transaction():
                write_invocations(self._store, [r.invocation for r, _ in kept if r.invocation])
                self._store.change_many(_INSERT, _rows(kept))
                yield
            for buffer, lines in held:
                self._waiting.pop(buffer, None)
                buffer.forget(len(lines))
                if buffer.lines:  # that came meanwhile; the buffer may have said so too early
                    self.await_writing(buffer)

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """A transaction for a reset: when it is committed, all buffers are void."""
        with self._writing:
            before = self.resets
            try:
                with self._store.transaction():
                    yield
                    self.resets = before + 1  # while nobody else can write: see `opening`
            except BaseException:
                self.resets = before
                raise
            for buffer in list(self._waiting):
                if buffer.is_void:
                    self._waiting.pop(buffer, None)

    def relieve(self) -> int:
        """Drops the oldest lines when too many wait for the memory; how many lines.

        A disk may be full for days, and functions go on printing.
        """
        dropped = 0
        with self._writing:
            waiting = {buffer: buffer.weight() for buffer in list(self._waiting)}
            held = sum(waiting.values())
            limit = self._max_waiting // 2 if held > self._max_waiting else held
            for buffer, weight in waiting.items():
                if held <= limit:
                    break
                held -= weight
                count = len(buffer.lines)
                self._waiting.pop(buffer, None)
                buffer.forget(count)
                if buffer.lines:  # that came meanwhile, as in `writing`
                    self.await_writing(buffer)
                dropped += count
        return dropped

    def read(
        self, owner_id: str, *, since: datetime | None, limit: int, offset: int
    ) -> list[LogLine]:
        """Lines in the order in which they were printed, from `since` on (included)."""
        self._write_all([one for one in list(self._waiting) if one.owner_id == owner_id])
        query = LogRow.select(LogRow.timestamp, LogRow.message).where(LogRow.owner_id == owner_id)
        if since is not None:
            query = query.where(LogRow.timestamp >= since)
        rows = query.order_by(LogRow.id).limit(limit).offset(offset).execute(self._store.db)
        return [LogLine(row.timestamp, row.message) for row in rows]

    def read_function(
        self, name: str, *, since: datetime, until: datetime, limit: int, offset: int
    ) -> tuple[list[LogLine], int]:
        """A page of all lines of a function in a period (ends included), and how many there are."""
        self.write_waiting()
        ran = [
            table.select().where(table.id == LogRow.owner_id, table.function_name == name)
            for table in (TaskRow, ApiRequestRow, InvocationRow)
        ]
        query = LogRow.select(LogRow.timestamp, LogRow.message).where(
            LogRow.timestamp.between(since, until), reduce(or_, map(fn.EXISTS, ran))
        )
        page = query.order_by(LogRow.timestamp, LogRow.id).limit(limit).offset(offset)
        lines = [LogLine(row.timestamp, row.message) for row in page.execute(self._store.db)]
        return lines, query.count(self._store.db)

    def _write(self, buffers: Collection[LogBuffer]) -> None:
        with self.writing(buffers):
            pass

    def _write_all(self, buffers: Collection[LogBuffer]) -> None:
        """One that cannot be written keeps no other from being; that is raised at the end."""
        if not buffers:
            return
        try:
            self._write(buffers)
        except Exception:
            problems = [self._try_to_write(buffer) for buffer in buffers]
            for problem in filter(None, problems):
                raise problem from None

    def _try_to_write(self, buffer: LogBuffer) -> Exception | None:
        try:
            self._write([buffer])
        except Exception as problem:
            return problem
        return None


def _rows(held: Iterable[tuple[LogBuffer, list[LogLine]]]) -> Iterator[tuple[str, int, str]]:
    for buffer, lines in held:
        for line in lines:
            yield buffer.owner_id, to_epoch(line.timestamp), line.message


class LogFlusher(Loop):
    """Writes every moment what waits, so that it can be read while its owners run."""

    name = "log-flusher"

    def __init__(self, *, log_store: LogStore, notices: Notices) -> None:
        super().__init__(SystemClock(), notices)  # a disk knows no other
        self._log_store = log_store
        log_store.hurry = self.wake

    def run_once(self) -> float:
        try:
            self._log_store.write_waiting()
        except Exception as error:
            if dropped := self._log_store.relieve():
                self._notices.publish(LogLinesDropped(lines=dropped, error=repr(error)))
            raise
        return _WRITE_EVERY

    def stop(self) -> None:
        """Also writes the lines that came since the last turn."""
        super().stop()
        try:
            self._log_store.write_waiting()
        except Exception as error:
            self._notices.publish(LoopFailed(loop=self.name, error=repr(error)))
