"""How long a page of 20 tasks takes, out of many (`make bench`).

The peer in the same run is the shortest query that there is, one task by its id, so that the ratios
carry over from one machine to another.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median
from typing import Any

from emulator.store.database import Store
from emulator.store.query import TASK_FIELDS, find
from emulator.store.tables import TagRow, TaskRow
from emulator.web import rql

ROUNDS = 15
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
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


def rows(count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(1)  # noqa: S311 - the same tasks in every run
    for number in range(count):
        moment = START + timedelta(seconds=number)
        yield {
            "id": f"{number:024x}",
            "function_name": f"f{draw.randrange(20)}",
            "status": draw.choice(STATUSES),
            "status_changed_timestamp": moment,
            "data": {"patient": draw.randrange(1000)},
            "tags": [f"t{draw.randrange(500)}"],
            "start_timestamp": moment,
            "priority": draw.randrange(3),
            "creation_timestamp": moment,
            "update_timestamp": moment,
        }


def fill(store: Store, count: int) -> None:
    batch: list[dict[str, Any]] = []

    def write() -> None:
        tags = [{"task_id": row["id"], "position": 0, "tag": row["tags"][0]} for row in batch]
        with store.transaction():
            TaskRow.insert_many(batch).execute(store.db)
            TagRow.insert_many(tags).execute(store.db)
        batch.clear()

    for row in rows(count):
        batch.append(row)
        if len(batch) == 1000:
            write()
    if batch:
        write()


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
