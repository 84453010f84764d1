"""What becomes of a task when its function has ended."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from taskdock.base.errors import (
    EngineError,
    EngineUnreachable,
    ImageNotAvailable,
    NotReachable,
    StartFailed,
)
from taskdock.lambdas.functions.function import RetryPolicy
from taskdock.lambdas.outcome import (
    Answer,
    Cause,
    Failure,
    could_not_start,
    not_started,
    stopped,
    vanished,
)
from taskdock.tasks.model.task import ErrorType, Status, Task, TaskError, TaskMove
from taskdock.tasks.queue import ending
from taskdock.tasks.queue.ending import Ending

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def attempt(number):
    """A task that is a retry for so many earlier ones."""
    return Task(
        id="f" * 24,
        function_name="flaky",
        status=Status.IN_PROGRESS,
        status_changed_timestamp=NOW,
        start_timestamp=NOW,
        priority=0,
        creation_timestamp=NOW,
        update_timestamp=NOW,
        retry_for_task_ids=tuple(f"{n:024x}" for n in range(number)),
    )


ON, OFF = RetryPolicy(enabled=True), RetryPolicy()
GLUE = Failure(Cause.FUNCTION, "Glue", "dry", b"{}", posted=True)
ERROR = TaskError(ErrorType.RUNTIME, "Glue", "dry")


def test_an_answer_completes_a_task_however_it_was_started():
    assert ending.of_queued(attempt(0), Answer(b"1"), ON) == Ending(TaskMove.SUCCEEDED)
    assert ending.of_direct(Answer(b"1")) == Ending(TaskMove.SUCCEEDED)


def test_a_failure_is_tried_again_while_the_policy_says_so():
    again = ending.of_queued(attempt(0), GLUE, ON)

    assert again == Ending(TaskMove.RETRIED, ERROR, timedelta(seconds=2))
    assert ending.of_queued(attempt(3), GLUE, ON) == Ending(TaskMove.FAILED, ERROR)
    assert ending.of_queued(attempt(0), GLUE, OFF) == Ending(TaskMove.FAILED, ERROR)


def test_a_direct_execution_is_never_tried_again():
    assert ending.of_direct(GLUE) == Ending(TaskMove.FAILED, ERROR)


def test_what_a_stop_has_cut_off_is_given_back_unless_a_caller_waits():
    assert ending.of_queued(attempt(0), stopped(), ON) == Ending(TaskMove.RELEASED)
    assert ending.of_direct(stopped()).move is TaskMove.FAILED


@pytest.mark.parametrize("cause", list(Cause))
def test_only_what_could_not_be_started_or_was_cut_off_is_an_invocation_error(cause):
    error = ending.error_of(replace(GLUE, cause=cause))

    of_invocation = cause.name in ("START", "THROTTLED", "UNAVAILABLE", "LOST", "STOPPED")
    assert error.type is (ErrorType.INVOCATION if of_invocation else ErrorType.RUNTIME)


def test_what_the_engine_is_at_fault_for_is_given_back_and_no_attempt_is_spent():
    gone = could_not_start(EngineUnreachable("no such socket"))

    assert ending.of_queued(attempt(0), gone, ON) == Ending(TaskMove.RELEASED)
    assert ending.of_queued(attempt(3), gone, OFF) == Ending(TaskMove.RELEASED)
    assert ending.of_direct(gone) == Ending(
        TaskMove.FAILED, TaskError(ErrorType.INVOCATION, "EngineUnreachable", "no such socket")
    )


def test_what_never_begins_is_not_given_back_for_ever():
    gone = could_not_start(EngineUnreachable("no such socket"))
    task = replace(attempt(0), claim=100)

    assert ending.of_queued(task, gone, OFF).move is TaskMove.FAILED


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (EngineUnreachable(), Cause.UNAVAILABLE),
        (EngineError(), Cause.START),
        (StartFailed(), Cause.START),
        (NotReachable(), Cause.START),
        (ImageNotAvailable(), Cause.START),
    ],
)
def test_the_class_of_an_engines_error_says_whose_fault_it_is(error, cause):
    assert could_not_start(error).cause is cause
    assert could_not_start(error).name == type(error).__name__


def test_what_vanished_with_its_container_is_given_back_only_if_it_had_not_begun():
    lost = ending.of_queued(attempt(0), vanished(begun=True), ON)

    assert ending.of_queued(attempt(0), vanished(begun=False), ON) == Ending(TaskMove.RELEASED)
    assert lost.move is TaskMove.FAILED
    assert (lost.error.type, lost.error.name) == (ErrorType.INVOCATION, "zombieTaskCleaned")
    assert ending.of_direct(vanished(begun=True)) == lost


def test_what_could_not_be_started_may_be_tried_again_too():
    assert ending.of_queued(attempt(0), not_started("NoRoom", ""), ON).move is TaskMove.RETRIED
