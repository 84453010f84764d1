"""Tasks that wait, compared with what a test expects: the lines of a failure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from taskdock.testing.client.enqueued import enqueued_text, expected_of
from taskdock.testing.client.tasks import TaskHandle
from taskdock.testing.values.matching import matching

NOW = datetime(2027, 1, 1, tzinfo=timezone.utc)


def waiting(function: str = "report", *, seconds: float = 3600, **fields: Any) -> TaskHandle:
    task: Any = {
        "id": "5e9fff9d90135a2a9a718e2f",
        "function": function,
        "status": "new",
        "data": {"for": "Ada"},
        "created": NOW,
        "start": NOW + timedelta(seconds=seconds),
        "json": {},
        "_tasks": None,
        "_attempts": [],
        **fields,
    }
    return TaskHandle(**task)


@pytest.mark.parametrize(
    "expected",
    [
        expected_of("report"),
        expected_of("report", data={"for": "Ada"}),
        expected_of("report", data=matching({"for": str})),
        expected_of("report", start_in="1h"),
        expected_of("report", start_in=timedelta(seconds=3609)),
        expected_of("report", start_in=3000, delta="10m"),
        expected_of("report", tags=["signup"]),
        expected_of("report", priority=7),
    ],
)
def test_a_task_is_as_expected(expected: Any) -> None:
    task = waiting(tags=["signup", "mail"], priority=7)

    assert expected.differences(task, [NOW]) == []


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        (expected_of("mail"), "function: report, not mail"),
        (expected_of("report", data=None), "data: {'for': 'Ada'}, not None"),
        (expected_of("report", data={"for": "Bob"}), "data/for: 'Ada', not 'Bob'"),
        (expected_of("report", data={}), "data/for: 'Ada' is too much"),
        (expected_of("report", data={"for": "Ada", "x": 1}), "data/x: missing"),
        (expected_of("report", start_in=3589), "start_in: 1h, not 59m49s (give or take 10s)"),
        (expected_of("report", start_in=0, delta=1), "start_in: 1h, not 0s (give or take 1s)"),
        (expected_of("report", tags=["a"]), "tags: [] has no 'a'"),
        (expected_of("report", priority=7), "priority: 0, not 7"),
    ],
)
def test_each_difference_is_named(expected: Any, difference: str) -> None:
    assert expected.differences(waiting(), [NOW]) == [difference]


def test_a_function_may_count_by_its_own_clock() -> None:
    later = NOW + timedelta(days=7)

    assert expected_of("report", start_in="1h").differences(waiting(), [later, NOW]) == []


def test_the_most_similar_task_comes_first() -> None:
    expected = expected_of("report", data={"for": "Bob"}, start_in="1h")
    tasks = [
        waiting("mail", data={"for": "Bob"}),
        waiting(seconds=7200, data={}),
        waiting(data={"for": "Eve"}),
    ]

    lines = enqueued_text(expected, tasks, [NOW]).splitlines()

    shown = [line.strip() for line in lines if line.startswith("  ") and "start in" in line]
    assert [line.partition(" data=")[2] for line in shown] == [
        "{'for': 'Eve'}",
        "{}",
        "{'for': 'Bob'}",
    ]
    assert "      data/for: 'Eve', not 'Bob'" in lines


def test_a_long_queue_is_cut() -> None:
    text = enqueued_text(expected_of("report"), [waiting("mail")] * 12, [NOW])

    assert text.count("function: mail, not report") == 10
    assert text.endswith("and 2 more")


def test_an_empty_queue_is_called_empty() -> None:
    assert enqueued_text(expected_of("report"), [], [NOW]) == "nothing is enqueued"
