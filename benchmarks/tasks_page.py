"""The time of a page of 20 tasks, out of many tasks (a row of `make bench`).

The peer in the same run is the shortest possible query, one task by its id, so that the ratios
carry over from one machine to another.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median

from taskdock.store.database import Store
from taskdock.store.query.fields import TASK_FIELDS
from taskdock.store.query.sqlite import find
from taskdock.store.tables import TaskRow
from taskdock.web.common.rql import parser as rql

ROUNDS = 15
START = 1_767_225_600_000  # 2026-01-01, in milliseconds
STATUSES = ("complete",) * 90 + ("failed",) * 6 + ("retried",) * 2 + ("canceled", "new")
QUERIES = {
    "one task by its id": "eq(id,{id})",
    "by status, newest first": "eq(status,complete)&sort(-creationTimestamp)",
    "the same, not counted": "eq(status,complete)&sort(-creationTimestamp)&skipCount()",
    "by a rare status, newest first": "eq(status,new)&sort(-creationTimestamp)",
    "by function, newest first": "eq(functionName,f7)&sort(-creationTimestamp)",
    "by tag": "eq(tags,t77)",
    "by status and a path into data": "eq(status,failed)&eq(data.patient,42)&skipCount()",
}


COLUMNS = "id, function_name, status, status_changed_timestamp, data, tags, start_timestamp"
COLUMNS += ", priority, creation_timestamp, update_timestamp, claim"
BATCH = 10_000
Values = tuple[object, ...]


def rows(count: int, statuses: Sequence[str]) -> Iterator[tuple[Values, Values]]:
    """Each task as its row, and as that of its tag; as they are stored."""
    draw = random.Random(1)  # noqa: S311 - the same tasks in every run
    for number in range(count):
        id, moment = f"{number:024x}", START + number * 1000
        tag, patient = f"t{draw.randrange(500)}", draw.randrange(1000)
        name, status = f"f{draw.randrange(20)}", draw.choice(statuses)
        data, tags = f'{{"patient": {patient}}}', f'["{tag}"]'
        priority = draw.randrange(3)
        times = (moment, priority, moment, moment)
        yield (id, name, status, moment, data, tags, *times, 1), (id, 0, tag)


def fill(store: Store, count: int, statuses: Sequence[str] = STATUSES) -> None:
    """Written past the object mapper: a million take half a minute, not five."""
    made = rows(count, statuses)
    task_sql = f"INSERT INTO task ({COLUMNS}) VALUES ({', '.join('?' * 11)})"  # noqa: S608
    tag_sql = "INSERT INTO task_tag (task_id, position, tag) VALUES (?, ?, ?)"
    with closing(sqlite3.connect(store.db.database)) as connection:
        while batch := list(islice(made, BATCH)):
            connection.executemany(task_sql, [task for task, _ in batch])
            connection.executemany(tag_sql, [tag for _, tag in batch])
            connection.commit()


def milliseconds(store: Store, text: str) -> float:
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        find(store.db, TaskRow, TASK_FIELDS, rql.parse(text))
        taken.append((time.perf_counter() - begun) * 1000)
    return median(taken)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "tasks.db")
        print(f"writing {count} tasks ...", flush=True)
        fill(store, count)
        middle = f"{count // 2:024x}"
        times = {
            name: milliseconds(store, text.format(id=middle)) for name, text in QUERIES.items()
        }
        store.close()
    unit = times["one task by its id"]
    print(f"a page of 20 out of {count} tasks; median of {ROUNDS}")
    for name, taken in times.items():
        print(f"  {name:34} {taken:8.2f} ms  {taken / unit:7.1f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
