"""The retry decision."""

from datetime import datetime, timedelta, timezone

import pytest

from emulator.lambdas.functions.function import RetryPolicy
from emulator.tasks.model.task import ErrorType, Status, Task, TaskError
from emulator.tasks.queue.retry import next_attempt

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
ON = RetryPolicy(enabled=True)


def attempt(number):
    earlier = tuple(f"{n:024x}" for n in range(number))
    return Task(
        id="f" * 24,
        function_name="flaky",
        status=Status.IN_PROGRESS,
        status_changed_timestamp=NOW,
        start_timestamp=NOW,
        priority=0,
        creation_timestamp=NOW,
        update_timestamp=NOW,
        retry_for_task_ids=earlier,
    )


def error(name):
    return TaskError(ErrorType.RUNTIME, name, "it broke")


@pytest.mark.parametrize(("earlier", "seconds"), [(0, 2), (1, 5), (2, 10)])
def test_the_three_retries_start_after_2_5_and_10_seconds(earlier, seconds):
    assert next_attempt(attempt(earlier), error("E"), ON) == timedelta(seconds=seconds)


def test_there_is_no_fourth_retry():
    assert next_attempt(attempt(3), error("E"), ON) is None


@pytest.mark.parametrize(
    ("policy", "name", "retried"),
    [
        (RetryPolicy(), "E", False),
        (RetryPolicy(enabled=False, errors_to_retry=("E",)), "E", False),
        (RetryPolicy(enabled=True, errors_to_retry=("E",)), "E", True),
        (RetryPolicy(enabled=True, errors_to_retry=("E",)), "Other", False),
        (RetryPolicy(enabled=True, errors_to_retry=("E", "Other")), "Other", True),
    ],
)
def test_the_policy_says_which_errors_are_retried(policy, name, retried):
    assert (next_attempt(attempt(0), error(name), policy) is not None) is retried
