"""What becomes of a task when its function has ended: the decision alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from emulator.lambdas.functions.function import RetryPolicy
from emulator.lambdas.outcome import Answer, Cause, Failure, Outcome
from emulator.tasks.model.task import ZOMBIE, ErrorType, Move, Task, TaskError
from emulator.tasks.queue.retry import next_attempt

_MOST_CLAIMS = 100
"""Of a task that never begins. While the engine does not answer, it is not claimed at all; one that
answers and always fails at this function must not go on for ever."""


@dataclass(frozen=True)
class Ending:
    """`delay`: until the next attempt, of what is retried."""

    move: Move
    error: TaskError | None = None
    delay: timedelta | None = None


def of_queued(task: Task, outcome: Outcome, policy: RetryPolicy) -> Ending:
    """What a server's stop has cut off, and what nothing could run, goes back to the queue."""
    if isinstance(outcome, Answer):
        return Ending(Move.SUCCEEDED)
    if outcome.cause is Cause.LOST:
        return Ending(Move.FAILED, _unknown(outcome))
    if outcome.cause is Cause.STOPPED:
        return Ending(Move.RELEASED)
    if outcome.cause is Cause.UNAVAILABLE and task.claim < _MOST_CLAIMS:
        return Ending(Move.RELEASED)
    error = error_of(outcome)
    delay = next_attempt(task, error, policy)
    return Ending(Move.FAILED if delay is None else Move.RETRIED, error, delay)


def of_direct(outcome: Outcome) -> Ending:
    """Of a task whose caller waits: no retry, and no giving back."""
    if isinstance(outcome, Answer):
        return Ending(Move.SUCCEEDED)
    lost = outcome.cause is Cause.LOST
    return Ending(Move.FAILED, _unknown(outcome) if lost else error_of(outcome))


def _unknown(failure: Failure) -> TaskError:
    """The Task Service's name for an outcome that cannot be known: it is never tried again."""
    return TaskError(ErrorType.INVOCATION, ZOMBIE.name, failure.message)


def error_of(failure: Failure) -> TaskError:
    of_invocation = failure.cause.is_of_invocation
    kind = ErrorType.INVOCATION if of_invocation else ErrorType.RUNTIME
    return TaskError(kind, failure.name, failure.message)
