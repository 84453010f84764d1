"""The queue at its table: what is claimed, in which order, and by which indexes."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from emulator import ids
from emulator.clock import to_epoch
from emulator.store.database import Store
from emulator.tasks import queue as statements
from emulator.tasks.queue import Queue
from emulator.tasks.task import Status, Task, new_task
from tests.support.manual_clock import NOON

LATER = NOON + timedelta(days=1)


@pytest.fixture
def queue(store: Store) -> Queue:
    unused: Any = None
    return Queue(store=store, server="ours", events=unused)


def task(start: datetime, priority: int = 0) -> Task:
    return new_task(
        id=ids.object_id(),
        function_name="walnut-table",
        data={"legs": 4},
        priority=priority,
        start=start,
        now=NOON,
    )


@pytest.mark.parametrize("count", [20, 150])
@pytest.mark.parametrize("out_of_reach", [0, 200])
def test_few_or_many_are_claimed_in_the_same_order(
    queue: Queue, count: int, out_of_reach: int
) -> None:
    """By priority, start time and id, whatever waits for a later time."""
    draw = random.Random(count)
    due = [
        task(NOON - timedelta(seconds=draw.randrange(5)), draw.randrange(3)) for _ in range(count)
    ]
    later = [task(LATER, draw.randrange(5)) for _ in range(out_of_reach)]
    for each in draw.sample([*due, *later], count + out_of_reach):
        queue.enqueue(each)

    claimed = []
    while more := queue.claim(7, NOON):
        claimed += more

    expected = sorted(due, key=lambda each: (-each.priority, each.start_timestamp, each.id))
    assert [each.id for each in claimed] == [each.id for each in expected]
    assert {(each.status, each.claim) for each in claimed} == {(Status.IN_PROGRESS, 1)}
    assert queue.next_due() == (LATER if later else None)


def test_a_task_is_read_back_as_it_was_written(queue: Queue) -> None:
    new = task(NOON, -3)
    queue.enqueue(new)

    (claimed,) = queue.claim(1, NOON)

    assert queue.get(new.id) == claimed
    assert claimed.data == {"legs": 4}


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (statements._COUNT_DUE, "COVERING INDEX task_due (status=? AND start_timestamp<?)"),
        (statements._FIRST_OF_FEW, "task_due (status=? AND start_timestamp<?)"),
        (statements._FIRST_OF_MANY, "task_queue (status=?)"),
        (statements._NEXT_DUE, "COVERING INDEX task_due (status=?)"),
        (statements._END, "autoindex_task_1 (id=?)"),
        (statements._CLAIM.format("?, ?"), "autoindex_task_1 (id=?)"),
    ],
)
def test_what_the_worker_asks_goes_by_an_index(store: Store, statement: str, index: str) -> None:
    values = [to_epoch(NOON)] * statement.count("?")

    plan = [row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {statement}", values)]

    assert index in "\n".join(plan)
    sorts = any("TEMP B-TREE" in step for step in plan)
    assert sorts is (statement == statements._FIRST_OF_FEW)
