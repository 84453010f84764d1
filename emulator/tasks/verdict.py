"""What becomes of a task when its function has ended: the decision alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from emulator.functions.function import RetryPolicy
from emulator.lambdas.outcome import Answer, Cause, Failure, Outcome
from emulator.tasks.retry import next_attempt
from emulator.tasks.task import ErrorType, Move, Task, TaskError


@dataclass(frozen=True)
class Verdict:
    """`delay`: until the next attempt, of what is retried."""

    move: Move
    error: TaskError | None = None
    delay: timedelta | None = None


def of_queued(task: Task, outcome: Outcome, policy: RetryPolicy) -> Verdict:
    """What a server's stop has cut off goes back to the queue."""
    if isinstance(outcome, Answer):
        return Verdict(Move.SUCCEEDED)
    if outcome.cause is Cause.STOPPED:
        return Verdict(Move.RELEASED)
    error = error_of(outcome)
    delay = next_attempt(task, error, policy)
    return Verdict(Move.FAILED if delay is None else Move.RETRIED, error, delay)


def of_direct(outcome: Outcome) -> Verdict:
    """Of a task whose caller waits: no retry, and no giving back."""
    if isinstance(outcome, Answer):
        return Verdict(Move.SUCCEEDED)
    return Verdict(Move.FAILED, error_of(outcome))


def error_of(failure: Failure) -> TaskError:
    started = failure.cause not in (Cause.START, Cause.STOPPED)
    kind = ErrorType.RUNTIME if started else ErrorType.INVOCATION
    return TaskError(kind, failure.name, failure.message)
