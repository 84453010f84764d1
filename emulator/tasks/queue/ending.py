"""The decision how a task ends when its function has ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from taskdock.lambdas.functions.function import RetryPolicy
from taskdock.lambdas.outcome import Answer, Cause, Failure, Outcome
from taskdock.tasks.model.task import ZOMBIE, ErrorType, Task, TaskError, TaskMove
from taskdock.tasks.work.delays import of_task

_MAX_CLAIMS = 100
"""The maximum number of claims of a task that never begins. While the engine does not answer, no
task is claimed at all; with an engine that answers and always fails at this function, the task must
not go on for ever."""


@dataclass(frozen=True)
class Ending:
    """The end of a claim on a task. `move`: one of SUCCEEDED, FAILED, RETRIED, RELEASED.

    `error`: of a task that has failed or is retried. `delay`: until the next attempt of a task that
    is retried.
    """

    move: TaskMove
    error: TaskError | None = None
    delay: timedelta = timedelta(0)


def of_queued(task: Task, outcome: Outcome, policy: RetryPolicy) -> Ending:
    """The ending of a task from the queue. A task that a server's stop has cut off, or that nothing
    could run, goes back to the queue."""
    if isinstance(outcome, Answer):
        return Ending(TaskMove.SUCCEEDED)
    if outcome.cause is Cause.LOST:
        return Ending(TaskMove.FAILED, _unknown(outcome))
    if outcome.cause is Cause.STOPPED:
        return Ending(TaskMove.RELEASED)
    if outcome.cause is Cause.UNAVAILABLE and task.claim < _MAX_CLAIMS:
        return Ending(TaskMove.RELEASED)
    error = error_of(outcome)
    delay = of_task(len(task.retry_for_task_ids) + 1, error.name, policy)
    if delay is None:
        return Ending(TaskMove.FAILED, error)
    return Ending(TaskMove.RETRIED, error, delay)


def of_direct(outcome: Outcome) -> Ending:
    """The ending of a task whose caller waits: there is no retry, and no giving back."""
    if isinstance(outcome, Answer):
        return Ending(TaskMove.SUCCEEDED)
    lost = outcome.cause is Cause.LOST
    return Ending(TaskMove.FAILED, _unknown(outcome) if lost else error_of(outcome))


def _unknown(failure: Failure) -> TaskError:
    """The Task Service's name for an outcome that cannot be known: it is never tried again."""
    return TaskError(ErrorType.INVOCATION, ZOMBIE.name, failure.message)


def error_of(failure: Failure) -> TaskError:
    of_invocation = failure.cause.is_of_invocation
    kind = ErrorType.INVOCATION if of_invocation else ErrorType.RUNTIME
    return TaskError(kind, failure.name, failure.message)
