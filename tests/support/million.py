"""A table with very many tasks, made by SQLite itself: a million take some seconds.

Everything is made of the number of a row by one statement, so that no value goes through Python;
with the indexes away meanwhile, they are built once instead of row by row.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

START = 1_767_225_600_000  # 2026-01-01, in milliseconds
FUNCTIONS = 20
_LATER = 2_000_000_000_000  # milliseconds that new tasks wait
_CACHE = 300_000  # KiB: the whole table, so that no page of it is read or written twice
STATUSES = {"canceled": 1, "new": 1, "retried": 2, "failed": 6}  # percent; the rest is complete
_STATUS = "CASE {} ELSE 'complete' END"
_ERROR = '{"type":"runtime","name":"ValueError","message":"a leg is missing"}'


def fill(
    path: Path,
    count: int = 1_000_000,
    *,
    start: int = START,
    apart: int = 1000,
    due: bool = False,
) -> None:
    """Adds `count` tasks of the functions f0, f1, ... to the database, which no server has open.

    `start`: the time of the first, in milliseconds; `apart`: milliseconds from one to the next.
    `due`: whether those that are new may start; else a server leaves them alone.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = off")
        connection.execute("PRAGMA synchronous = off")
        connection.execute("PRAGMA locking_mode = exclusive")
        connection.execute("PRAGMA temp_store = memory")
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'task' AND type = 'index'"
            " AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        times = {"count": count, "start": start, "apart": apart, "later": 0 if due else _LATER}
        connection.execute(_fill(), times)
        for _, statement in indexes:
            connection.execute(statement)
        connection.commit()
        connection.execute("PRAGMA journal_mode = wal")


def _fill() -> str:
    """Numbers are spread over functions and statuses by a multiplication, so that neighbours
    differ."""
    cases, below = [], 0
    for status, percent in STATUSES.items():
        below += percent
        cases.append(f"WHEN n * 37 % 100 < {below} THEN '{status}'")
    status = _STATUS.format(" ".join(cases))
    return f"""
        WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number
                                     WHERE n + 1 < :count),
        made AS (SELECT n, :start + n * :apart AS at, {status} AS status FROM number)
        INSERT INTO task (id, function_name, status, status_changed_timestamp, data,
                          start_timestamp, priority, creation_timestamp, update_timestamp, claim,
                          error)
        SELECT printf('%08x%016x', at / 1000, n), 'f' || (n * 7919 % {FUNCTIONS}), status, at,
               '{{"patient":' || (n % 1000) || '}}',
               at + (status = 'new') * :later, 0, at, at, status != 'new',
               CASE WHEN status IN ('failed', 'retried') THEN '{_ERROR}' END
        FROM made"""
