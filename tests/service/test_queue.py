"""The queue at its table: what is claimed, in which order, and by which indexes."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from taskdock.base import ids
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import to_epoch
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.code import CodeStore
from taskdock.store.database import Store
from taskdock.store.query.model import Query
from taskdock.tasks.events.events import Events
from taskdock.tasks.model.task import ZOMBIE, ErrorType, Status, Task, TaskError, TaskMove, new_task
from taskdock.tasks.queue import statements
from taskdock.tasks.queue.ending import Ending
from taskdock.tasks.queue.queue import Queue
from taskdock.testing.clock import NOON, ManualClock

LATER = NOON + timedelta(days=1)


SPLIT = TaskError(ErrorType.RUNTIME, "Split", "along the grain")
RELEASED = Ending(TaskMove.RELEASED)
ENDINGS = [
    Ending(TaskMove.SUCCEEDED),
    Ending(TaskMove.FAILED, SPLIT),
    Ending(TaskMove.RETRIED, SPLIT, timedelta(seconds=2)),
    RELEASED,
]
MILLISECOND = timedelta(milliseconds=1)
AT_ONCE = timedelta(0)


@pytest.fixture
def queues(store: Store, tmp_path: Path) -> tuple[Queue, Queue]:
    """Ours, and another server's at the same database."""
    clock = ManualClock()
    catalog = Catalog(store=store, code=CodeStore(tmp_path / "code"), clock=clock)
    events = Events(store=store, catalog=catalog, own_ports=(), clock=clock, notices=Notices())
    ours, theirs = (Queue(store=store, server=name, events=events) for name in ("ours", "theirs"))
    return ours, theirs


@pytest.fixture
def queue(queues: tuple[Queue, Queue]) -> Queue:
    return queues[0]


def in_all(queue: Queue) -> int | None:
    """How many tasks there are."""
    return queue.find(Query())[1]


def task(start: datetime, priority: int = 0) -> Task:
    return new_task(
        id=ids.object_id(NOON),
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


@pytest.mark.parametrize(("due", "sorts"), [(99, True), (100, False), (101, False)])
def test_few_are_sorted_and_many_are_read_in_their_order(
    store: Store, queue: Queue, monkeypatch: pytest.MonkeyPatch, due: int, sorts: bool
) -> None:
    for _ in range(due):
        queue.enqueue(task(NOON))
    asked, rows = [], store.rows

    def noting(statement: str, values: Any = ()) -> Any:
        asked.append((statement, values))
        return rows(statement, values)

    monkeypatch.setattr(store, "rows", noting)
    queue.claim(1, NOON)

    statement, values = asked[-1]
    plan = [row[3] for row in rows(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any("TEMP B-TREE" in step for step in plan) is sorts


# Endings


@pytest.mark.parametrize("verdict", ENDINGS, ids=lambda verdict: verdict.move.value)
def test_an_ending_counts_once(queue: Queue, verdict: Ending) -> None:
    queue.enqueue(task(NOON))
    (claimed,) = queue.claim(1, NOON)

    first, second = queue.end(claimed, verdict, LATER), queue.end(claimed, verdict, LATER)

    assert first is not None
    assert queue.get(claimed.id) == first
    assert second is None
    assert in_all(queue) == (2 if verdict.move is TaskMove.RETRIED else 1)


@pytest.mark.parametrize("verdict", ENDINGS, ids=lambda verdict: verdict.move.value)
def test_an_ending_of_an_earlier_claim_changes_nothing(queue: Queue, verdict: Ending) -> None:
    queue.enqueue(task(NOON))
    (before,) = queue.claim(1, NOON)
    queue.end(before, RELEASED, NOON)
    (claimed,) = queue.claim(1, NOON)

    assert queue.end(before, verdict, LATER) is None

    assert (before.claim, claimed.claim) == (1, 2)
    assert queue.get(claimed.id) == claimed
    assert in_all(queue) == 1
    assert queue.end(claimed, verdict, LATER) is not None


@pytest.mark.parametrize("verdict", ENDINGS, ids=lambda verdict: verdict.move.value)
@pytest.mark.parametrize("mine", [0, 1])
def test_an_ending_of_another_servers_claim_changes_nothing(
    queues: tuple[Queue, Queue], verdict: Ending, mine: int
) -> None:
    queues[0].enqueue(task(NOON))
    (claimed,) = queues[mine].claim(1, NOON)

    assert queues[1 - mine].end(claimed, verdict, LATER) is None

    assert queues[mine].get(claimed.id) == claimed
    assert in_all(queues[mine]) == 1
    assert queues[mine].end(claimed, verdict, LATER) is not None


def test_the_delay_of_a_retry_begins_with_the_failure_however_long_the_task_waited_and_ran(
    queue: Queue,
) -> None:
    queue.enqueue(task(NOON))
    (claimed,) = queue.claim(1, NOON + timedelta(seconds=60))
    failed_at = NOON + timedelta(seconds=90)

    retried = queue.end(claimed, Ending(TaskMove.RETRIED, SPLIT, timedelta(seconds=2)), failed_at)

    assert retried is not None
    assert retried.retried_by_task_id is not None
    again = queue.get(retried.retried_by_task_id)
    assert again.retry_for_task_ids == (claimed.id,)
    assert again.start_timestamp == failed_at + timedelta(seconds=2)
    assert again.creation_timestamp == again.status_changed_timestamp == failed_at
    assert queue.claim(1, again.start_timestamp - MILLISECOND) == []
    assert [each.id for each in queue.claim(1, again.start_timestamp)] == [again.id]


@pytest.mark.parametrize(("since", "lost"), [(-1, True), (0, True), (1, False)])
def test_what_was_in_progress_before_that_moment_and_at_it_is_reclaimed(
    queue: Queue, since: int, lost: bool
) -> None:
    queue.enqueue(task(NOON - MILLISECOND))
    (claimed,) = queue.claim(1, NOON + since * MILLISECOND)

    reclaimed = queue.reclaim(ManualClock(LATER), after=LATER - NOON)

    assert [each.id for each in reclaimed] == ([claimed.id] if lost else [])
    assert queue.get(claimed.id).error == (ZOMBIE if lost else None)


def test_what_runs_here_is_not_reclaimed(queue: Queue) -> None:
    for _ in range(2):
        queue.enqueue(task(NOON))
    runs, lost = queue.claim(2, NOON)

    reclaimed = queue.reclaim(ManualClock(LATER), after=AT_ONCE, running=lambda: [runs.id])

    assert [each.id for each in reclaimed] == [lost.id]
    assert queue.get(runs.id) == runs


def test_of_other_servers_tasks_those_of_servers_that_are_alive_are_left(
    queues: tuple[Queue, Queue],
) -> None:
    ours, theirs = queues
    ours.enqueue(task(NOON))
    (claimed,) = theirs.claim(1, NOON)

    alive = ours.reclaim(ManualClock(NOON), after=LATER - NOON, servers=["ours", "theirs"])
    gone = ours.reclaim(ManualClock(NOON), after=LATER - NOON, servers=["ours"])

    assert alive == []
    assert [(each.id, each.error) for each in gone] == [(claimed.id, ZOMBIE)]


# A clock that is set back


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (timedelta(0), timedelta(0)),  # at once
        (timedelta(days=-1), timedelta(0)),  # late already
        (timedelta(seconds=2), timedelta(seconds=2)),  # a retry
        (timedelta(seconds=10), timedelta(seconds=10)),
    ],
)
def test_what_was_due_when_it_was_made_is_due_again_after_the_clock_was_set_back(
    queue: Queue, start: timedelta, expected: timedelta
) -> None:
    queue.enqueue(task(NOON + start))
    earlier = NOON - timedelta(days=2)

    assert queue.bring_forward(ManualClock(earlier)) == 1

    assert queue.next_due() == earlier + expected


@pytest.mark.parametrize(
    ("start", "now"),
    [
        (timedelta(seconds=11), timedelta(hours=-1)),  # asked for
        (timedelta(0), timedelta(0)),  # the clock is right
        (timedelta(hours=1), timedelta(minutes=30)),
    ],
)
def test_a_start_time_that_was_asked_for_stays(
    queue: Queue, start: timedelta, now: timedelta
) -> None:
    queue.enqueue(task(NOON + start))

    assert queue.bring_forward(ManualClock(NOON + now)) == 0

    assert queue.next_due() == NOON + start


def test_what_a_dead_server_claimed_before_the_clock_was_set_back_is_reclaimed(
    queue: Queue,
) -> None:
    queue.enqueue(task(NOON))
    (claimed,) = queue.claim(1, NOON)
    earlier = NOON - timedelta(hours=1)

    reclaimed = queue.reclaim(ManualClock(earlier), after=AT_ONCE)

    assert [each.id for each in reclaimed] == [claimed.id]


def test_what_is_claimed_while_a_rescue_waits_for_the_database_is_not_taken_for_a_dead_servers(
    queue: Queue, store: Store
) -> None:
    asked = Event()

    class Clock(ManualClock):
        def now(self) -> datetime:
            asked.set()
            return super().now()

    clock = Clock()
    queue.enqueue(task(NOON))
    with ThreadPoolExecutor(1) as rescuer, store.transaction():
        reclaimed = rescuer.submit(queue.reclaim, clock, after=timedelta(minutes=5))
        asked.wait(0.3)  # it may look at the clock too early: before it is its turn
        clock.jump(1)
        (claimed,) = queue.claim(1, NOON + timedelta(seconds=1))

    assert reclaimed.result() == []
    assert queue.get(claimed.id) == claimed


# What has surely not begun


def test_what_waits_is_given_back_and_what_may_have_begun_is_not(queue: Queue) -> None:
    for _ in range(3):
        queue.enqueue(task(NOON))
    waits, begun, never = queue.claim(3, NOON)
    assert queue.mark(waits, waiting=True)
    assert queue.mark(begun, waiting=True)
    assert queue.mark(begun, waiting=False)

    reclaimed = queue.reclaim(ManualClock(LATER), after=AT_ONCE)

    ended = {each.id: each.status for each in reclaimed}

    failed = Status.FAILED
    assert ended == {waits.id: Status.NEW, begun.id: failed, never.id: failed}


def test_a_mark_is_of_one_claim(queue: Queue) -> None:
    queue.enqueue(task(NOON))
    (first,) = queue.claim(1, NOON)
    queue.mark(first, waiting=True)
    queue.end(first, RELEASED, NOON)
    assert not queue.mark(first, waiting=True)
    (second,) = queue.claim(1, NOON)

    assert not queue.mark(first, waiting=True)

    (ended,) = queue.reclaim(ManualClock(LATER), after=AT_ONCE)
    assert (ended.id, ended.status) == (second.id, Status.FAILED)


# By which indexes


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (statements.COUNT_DUE, "COVERING INDEX task_due (status=? AND start_timestamp<?)"),
        (statements.FIRST_OF_FEW, "task_due (status=? AND start_timestamp<?)"),
        (statements.FIRST_OF_MANY, "task_queue (status=?)"),
        (statements.NEXT_DUE, "COVERING INDEX task_due (status=?)"),
        (statements.AHEAD, "task_by_status (status=? AND creation_timestamp>?)"),
        (statements.END, "autoindex_task_1 (id=?)"),
        (statements.CLAIM.format("?, ?"), "autoindex_task_1 (id=?)"),
    ],
)
def test_what_the_worker_asks_goes_by_an_index(store: Store, statement: str, index: str) -> None:
    values = [to_epoch(NOON)] * statement.count("?")

    plan = [row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {statement}", values)]

    assert index in "\n".join(plan)
    sorts = any("TEMP B-TREE" in step for step in plan)
    assert sorts is (statement == statements.FIRST_OF_FEW)
