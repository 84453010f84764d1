"""The statements of the queue, worded once. An ending names the claim that it ends."""

from __future__ import annotations

from datetime import timedelta

from taskdock.store import sql
from taskdock.store.tables import TagRow, TaskRow
from taskdock.tasks.model.task import Status
from taskdock.tasks.queue import rows
from taskdock.tasks.work.claims import FENCE
from taskdock.tasks.work.delays import TASKS

# A status that is written out lets SQLite use the indexes of new tasks alone.
_NEW = f"WHERE status = '{Status.NEW.value}'"
_CLAIMED = ("status", "status_changed_timestamp", "update_timestamp", "claimed_by")

INSERT = sql.insert(TaskRow)
INSERT_TAG = sql.insert(TagRow)
GET = sql.select(TaskRow, "WHERE id = ?")
COUNT_DUE = f"""SELECT COUNT(*) FROM
    (SELECT 1 FROM task {_NEW} AND start_timestamp <= ? LIMIT ?) AS due"""  # noqa: S608
_FIRST = f"{_NEW} AND {{}} <= ? ORDER BY priority DESC, start_timestamp, id LIMIT ?"
FIRST_OF_FEW = sql.select(TaskRow, _FIRST.format("start_timestamp"))
FIRST_OF_MANY = sql.select(TaskRow, _FIRST.format("start_timestamp + 0"))
"""The statement uses the queue's own index, in order; a computed start time keeps SQLite from using
the index of times."""
FEW = 100  # tasks that are sorted in less time than it takes to pass over others
NEXT_DUE = f"SELECT MIN(start_timestamp) FROM task {_NEW}"  # noqa: S608
CLAIM = sql.update(TaskRow, _CLAIMED, ", claim = claim + 1, waiting = 0 WHERE id IN ({})")
_MINE = f"WHERE id = ? AND status = '{Status.IN_PROGRESS.value}' AND {FENCE}"
MARK = sql.update(TaskRow, ("waiting",), _MINE)
END = sql.update(TaskRow, rows.ENDING, _MINE)
WRITE = sql.update(TaskRow, rows.ENDING, "WHERE id = ?")
AHEAD = sql.select(
    TaskRow,
    f"{_NEW} AND creation_timestamp > ? AND start_timestamp + 0 > ?"
    f" AND start_timestamp <= creation_timestamp + {TASKS.longest // timedelta(milliseconds=1)}",
)
START = f"UPDATE task SET start_timestamp = ?, update_timestamp = ? {_NEW} AND id = ?"  # noqa: S608
