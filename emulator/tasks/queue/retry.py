"""Whether and when a failed task is tried again. Pure."""

from __future__ import annotations

from datetime import timedelta

from emulator.lambdas.functions.function import RetryPolicy
from emulator.tasks.model.task import Task, TaskError

DELAYS = (timedelta(seconds=2), timedelta(seconds=5), timedelta(seconds=10))


def next_attempt(task: Task, error: TaskError, policy: RetryPolicy) -> timedelta | None:
    """How long after the failure the next attempt starts; None: there is none."""
    if not policy.enabled:
        return None
    if policy.errors_to_retry and error.name not in policy.errors_to_retry:
        return None
    attempts = len(task.retry_for_task_ids)
    return DELAYS[attempts] if attempts < len(DELAYS) else None
