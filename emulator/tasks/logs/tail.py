"""The newest log lines of all functions together, found by their number however many there are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from taskdock.base.timing.clock import from_epoch
from taskdock.store import sql
from taskdock.store.database import Store

MOST = 1000  # lines in one answer
_NEWEST = """SELECT id, timestamp, task_id, substr(message, 1, ?), length(message)
    FROM task_log ORDER BY id DESC LIMIT ?"""
_OWNERS = ("task", "api_request", "invocation")


@dataclass(frozen=True)
class TailLine:
    number: int
    """Grows with each line that is written."""
    at: datetime
    function: str
    """"": what printed it is not known any more."""
    message: str
    is_cut: bool
    """Whether the message goes on."""


class LogTail:
    """For any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest(self, limit: int, *, characters: int) -> list[TailLine]:
        """The last `limit` lines that are written, in their order, each cut to so many characters.

        Lines are written a moment after they were printed, see `LogFlusher`.
        """
        rows = self._store.rows(_NEWEST, (characters, limit))
        functions = self._functions({owner for _, _, owner, _, _ in rows})
        return [
            TailLine(number, from_epoch(at), functions.get(owner, ""), text, length > len(text))
            for number, at, owner, text, length in reversed(rows)
        ]

    def _functions(self, owners: Collection[str]) -> dict[str, str]:
        """The names of the functions that these ran, by owner."""
        found: dict[str, str] = {}
        for table in _OWNERS:
            left = [owner for owner in owners if owner not in found]
            if left:
                marks = sql.placeholders(len(left))
                statement = f"SELECT id, function_name FROM {table} WHERE id IN ({marks})"  # noqa: S608
                found.update(self._store.rows(statement, left))
        return found
