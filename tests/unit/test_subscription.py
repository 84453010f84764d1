"""Who is told of a service event, and how often a webhook is tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from taskdock.tasks.model.subscription import (
    ServiceEvent,
    Subscription,
    is_notified,
    of_failure,
)
from taskdock.tasks.model.task import ZOMBIE, Status, Task, new_task

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)
ID = "0123456789abcdef01234567"


def task(event_id: str | None = None) -> Task:
    made = new_task(
        id=ID,
        function_name="walnut-table",
        data=None,
        priority=0,
        start=NOON,
        now=NOON,
        event_id=event_id,
    )
    return replace(made, status=Status.FAILED, error=ZOMBIE)


def event(cause: Task) -> ServiceEvent:
    return of_failure("e" * 24, cause)


def subscription(**who: str) -> Subscription:
    return Subscription(
        id=ID,
        event_types=("task_failed",),
        creation_timestamp=NOON,
        update_timestamp=NOON,
        **who,  # type: ignore[arg-type]
    )


def test_the_event_of_a_failure_says_which_task_and_why() -> None:
    assert event(task()) == ServiceEvent(
        id="e" * 24,
        type="task_failed",
        content={
            "id": ID,
            "functionName": "walnut-table",
            "error": {"type": "invocation", "name": ZOMBIE.name, "message": ZOMBIE.message},
        },
        creation_timestamp=NOON,
        update_timestamp=NOON,
    )


@pytest.mark.parametrize(
    ("who", "made_for", "notified"),
    [
        ({"function_name": "oak-chair"}, None, True),
        ({"function_name": "oak-chair"}, "a" * 24, False),
        ({"url": "http://localhost/"}, None, True),
        ({"url": "http://localhost/"}, "a" * 24, True),
    ],
)
def test_no_function_is_told_that_a_task_made_for_an_event_failed(
    who: dict[str, str], made_for: str | None, notified: bool
) -> None:
    cause = task(made_for)

    assert is_notified(subscription(**who), event(cause), cause) is notified


def test_nobody_is_told_of_other_types() -> None:
    other = replace(event(task()), type="task_painted")

    assert not is_notified(subscription(url="http://localhost/"), other, task())
