"""When a schedule's runs are."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskdock.base.timing.clock import to_milliseconds
from taskdock.tasks.schedules.schedule import LONGEST, SHORTEST, Schedule, due_run, next_run

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def schedule(
    *, interval: float = 10, start: datetime = NOON, coming: datetime | None = None
) -> Schedule:
    return Schedule(
        id="5ca1ab1e0000000000000000",
        function_name="walnut-table",
        interval=timedelta(seconds=interval),
        start_timestamp=start,
        next_timestamp=start if coming is None else coming,
        creation_timestamp=start,
        update_timestamp=start,
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [(-0.001, 0), (0, 10), (0.001, 10), (9.999, 10), (10, 20), (86_400, 86_410), (-1e6, 0)],
)
def test_the_next_run_is_the_first_one_later(after: float, expected: float) -> None:
    assert next_run(schedule(), at(after)) == at(expected)


@pytest.mark.parametrize(
    ("coming", "now", "expected"),
    [
        (0, -0.001, None),
        (0, 0, 0),
        (0, 9.999, 0),
        (10, 9.999, None),
        (10, 10, 10),
        (10, 14, 10),
        (10, 20, 20),
        (10, 1_000_007, 1_000_000),
        (0, 1_000_007, 1_000_000),
    ],
)
def test_of_the_missed_runs_the_latest_alone_is_due(
    coming: float, now: float, expected: float | None
) -> None:
    run = due_run(schedule(coming=at(coming)), at(now))

    assert run == (None if expected is None else at(expected))


def test_a_tenth_of_a_second_is_exact_after_ten_years() -> None:
    tenths = schedule(interval=0.1)

    assert next_run(tenths, at(LONGEST)) == at(LONGEST) + timedelta(milliseconds=100)


def test_a_start_before_all_time_is_counted_from_as_well() -> None:
    ancient = schedule(interval=1, start=datetime(1, 1, 1, tzinfo=timezone.utc))

    assert due_run(ancient, at(0.5)) == NOON


intervals = st.integers(int(SHORTEST * 1000), int(LONGEST * 1000)).map(lambda ms: ms / 1000)
starts = st.datetimes(
    datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc)
).map(to_milliseconds)
pauses = st.lists(
    st.integers(0, 40_000).map(lambda ms: timedelta(milliseconds=ms)), min_size=1, max_size=60
)


@given(interval=st.integers(100, 20_000).map(lambda ms: ms / 1000), start=starts, pauses=pauses)
def test_no_slot_runs_twice_and_no_run_drifts(
    interval: float, start: datetime, pauses: list[timedelta]
) -> None:
    one, now, runs = schedule(interval=interval, start=start), start - timedelta(seconds=30), []

    for pause in pauses:
        now += pause
        run = due_run(one, now)
        if run is not None:
            runs.append(run)
            assert now - one.interval < run <= now
            one = schedule(interval=interval, start=start, coming=next_run(one, run))
            assert one.next_timestamp > now

    assert len(set(runs)) == len(runs)
    assert all((run - start) % one.interval == timedelta(0) for run in runs)


@given(interval=intervals, start=starts, now=starts)
def test_the_next_run_is_later_but_by_no_more_than_an_interval(
    interval: float, start: datetime, now: datetime
) -> None:
    one = schedule(interval=interval, start=start)

    run = next_run(one, now)

    assert run > now
    assert run == start or run - now <= one.interval
    assert (run - start) % one.interval == timedelta(0)
