"""The one table of retry delays."""

from datetime import timedelta

import pytest

from taskdock.lambdas.functions.function import RetryPolicy
from taskdock.tasks.work import delays

ON = RetryPolicy(enabled=True)


@pytest.mark.parametrize(("failed", "seconds"), [(1, 2), (2, 5), (3, 10)])
def test_the_three_retries_of_a_task_start_after_2_5_and_10_seconds(failed, seconds):
    assert delays.of_task(failed, "E", ON) == timedelta(seconds=seconds)


def test_there_is_no_fourth_retry_of_a_task():
    assert delays.of_task(4, "E", ON) is None


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
    assert (delays.of_task(1, name, policy) is not None) is retried


def test_an_event_is_tried_three_times():
    pauses = [delays.EVENTS.after(failed) for failed in (1, 2, 3)]

    assert pauses == [timedelta(minutes=1), timedelta(minutes=2), None]


def test_a_webhook_is_tried_three_times():
    pauses = [delays.DELIVERIES.after(failed) for failed in (1, 2, 3)]

    assert pauses == [timedelta(seconds=1), timedelta(seconds=5), None]


@pytest.mark.parametrize(
    ("age", "delay"),
    [(-5, 1), (0, 1), (1, 1), (30, 30), (300, 300), (301, 300), (20_000, 300)],
)
def test_an_event_that_could_not_be_started_waits_as_long_as_it_is_old_within_limits(age, delay):
    waits = delays.of_refused_event(timedelta(seconds=age))

    assert waits == timedelta(seconds=delay)


@pytest.mark.parametrize(("age", "expired"), [(6 * 3600, False), (6 * 3600 + 1, True)])
def test_an_event_older_than_six_hours_is_given_up(age, expired):
    assert delays.is_expired(timedelta(seconds=age)) is expired
