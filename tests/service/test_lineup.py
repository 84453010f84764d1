"""The lineup: new tasks in the order of their claims, with the reason, whatever else is new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taskdock.base import ids
from taskdock.base.notices import Notices
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.code import CodeStore
from taskdock.store.database import Store
from taskdock.tasks.events.events import Events
from taskdock.tasks.model.task import ErrorType, Task, TaskError, TaskMove, new_task
from taskdock.tasks.queue import statements
from taskdock.tasks.queue.ending import Ending
from taskdock.tasks.queue.lineup import COUNTED, Lineup, due_places
from taskdock.tasks.queue.queue import Queue
from taskdock.testing.clock import NOON, ManualClock

SECOND = timedelta(seconds=1)
SPLIT = TaskError(ErrorType.RUNTIME, "Split", "along the grain")


class Bench:
    """A queue and its lineup, at one table."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "tasks.db")
        self.clock = ManualClock()
        catalog = Catalog(store=self.store, code=CodeStore(folder / "code"), clock=self.clock)
        events = Events(
            store=self.store, catalog=catalog, own_ports=(), clock=self.clock, notices=Notices()
        )
        self.queue = Queue(store=self.store, server="ours", events=events)
        self.lineup = Lineup(store=self.store, clock=self.clock)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("lineup"))
    yield bench
    bench.store.close()


@pytest.fixture
def bench(kept: Bench) -> Bench:
    kept.store.change("DELETE FROM task")
    return kept


def task(start: float = 0, priority: int = 0) -> Task:
    """A task that starts so many seconds from now."""
    return new_task(
        id=ids.object_id(NOON),
        function_name="walnut-table",
        data=None,
        priority=priority,
        start=NOON + start * SECOND,
        now=NOON,
    )


MANY = st.integers(statements.FEW, statements.FEW + 30)
DRAWN = st.tuples(st.integers(-2, 2), st.integers(-1, 2))


@given(
    drawn=st.one_of(
        st.lists(DRAWN, max_size=30),
        MANY.flatmap(lambda count: st.lists(DRAWN, min_size=2 * count, max_size=2 * count)),
    ),
    limit=st.integers(1, 60),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_lineup_is_the_order_of_claims(
    kept: Bench, drawn: list[tuple[int, int]], limit: int
) -> None:
    kept.store.change("DELETE FROM task")
    tasks = [task(start, priority) for start, priority in drawn]
    for each in sorted(tasks, key=lambda each: each.id[::-1]):
        kept.queue.enqueue(each)

    first, looked = kept.lineup.first(limit), kept.lineup.look(limit)

    claimed = [each.id for each in kept.queue.claim(limit, NOON)]
    assert [place.task.id for place in first if place.is_due] == claimed
    assert [place.task.id for place in looked.due] == claimed
    later = sorted(each.start_timestamp for each in tasks if each.start_timestamp > NOON)
    assert [place.task.start_timestamp for place in looked.waiting] == later[:limit]
    assert len(first) == min(limit, len(tasks))
    assert looked.due_count + looked.waiting_count == len(tasks)


@given(st.lists(DRAWN, min_size=1, max_size=12), st.integers(1, 12))
def test_a_reason_is_true(drawn: list[tuple[int, int]], shown: int) -> None:
    tasks = sorted(
        (task(start, priority) for start, priority in drawn),
        key=lambda each: (-each.priority, each.start_timestamp, each.id),
    )

    places = due_places(tasks[:shown], min(each.start_timestamp for each in tasks))

    for number, place in enumerate(places):
        mine = place.task
        overtaken = [each for each in tasks[number:] if each.start_timestamp < mine.start_timestamp]
        before = tasks[number - 1]
        match place.reason.split():
            case ["priority", given, "comes", "after", "priority", other]:
                assert (given, other) == (str(mine.priority), str(before.priority))
            case ["priority", given, "comes", "before", "priority", other]:
                assert number == 0
                assert not overtaken
                assert int(given) == mine.priority > int(other)
            case ["priority", given, "comes", "before", *_]:
                assert overtaken
                assert given == str(mine.priority)
            case ["due", *_]:
                assert number == 0
                assert not overtaken
            case [*_, "start", "time"]:
                assert before.priority == mine.priority
                assert before.start_timestamp < mine.start_timestamp
            case _:
                assert place.reason == "the same start time, created later"
                assert (before.priority, before.start_timestamp) == (
                    mine.priority,
                    mine.start_timestamp,
                )


def test_reasons_are_readable(bench: Bench) -> None:
    for start, priority in ((-9, 0), (-9, 0), (-3, 5), (-2, 5), (-1, 0), (60, 9)):
        bench.queue.enqueue(task(start, priority))

    assert [place.reason for place in bench.lineup.first(10)] == [
        "priority 5 comes before start time",
        "priority 5 comes before start time",
        "priority 0 comes after priority 5",
        "the same start time, created later",
        "the same priority, a later start time",
        "it waits for its start time",
    ]


def test_a_retry_that_is_to_come_tells_its_attempt_and_the_error_before(bench: Bench) -> None:
    bench.queue.enqueue(task())
    (claimed,) = bench.queue.claim(1, NOON)
    bench.queue.end(claimed, Ending(TaskMove.RETRIED, SPLIT, 2 * SECOND), NOON)
    bench.queue.enqueue(task(1))

    found = bench.lineup.look(10)

    (retry,) = found.retries
    assert (retry.attempt, retry.failed, retry.error) == (2, claimed.id, SPLIT)
    assert retry.task.start_timestamp == NOON + 2 * SECOND
    assert (found.due_count, found.waiting_count, found.retry_count) == (0, 1, 1)
    assert [place.reason for place in bench.lineup.first(5)] == [
        "it waits for its start time",
        "retry 1 waits for its delay",
    ]


def test_a_count_ends_somewhere(bench: Bench) -> None:
    values = [(f"{n:024x}", n - 2 * COUNTED) for n in range(COUNTED + 5)]
    bench.store.change_many(
        "INSERT INTO task (id, function_name, status, status_changed_timestamp, start_timestamp,"
        " priority, creation_timestamp, update_timestamp, claim)"
        " VALUES (?, 'walnut-table', 'new', 0, ?, 0, 0, 0, 0)",
        values,
    )

    assert bench.lineup.look(1).due_count == COUNTED


@pytest.mark.parametrize("due", [20, 300])
def test_nothing_is_sorted_but_few(bench: Bench, monkeypatch: pytest.MonkeyPatch, due: int) -> None:
    """So that a million of new tasks are as fast as a hundred."""
    for number in range(due):
        bench.queue.enqueue(task(-number))
    asked, rows = [], bench.store.rows

    def noting(statement: str, values: Any = ()) -> Any:
        asked.append((statement, values))
        return rows(statement, values)

    monkeypatch.setattr(bench.store, "rows", noting)
    bench.lineup.first(10)
    bench.lineup.look(10)

    sorting = [
        statement
        for statement, values in asked
        for row in rows(f"EXPLAIN QUERY PLAN {statement}", values)
        if "TEMP B-TREE" in row[3] or row[3].startswith("SCAN task")
    ]
    assert sorting == ([statements.FIRST_OF_FEW] * 2 if due < statements.FEW else [])
