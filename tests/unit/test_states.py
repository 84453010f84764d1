"""The two state tables: what the documents say of them holds for every state."""

from itertools import product

import pytest

from taskdock.base.errors import IllegalMove
from taskdock.lambdas import lifecycle
from taskdock.lambdas.lifecycle import State
from taskdock.tasks.model import task
from taskdock.tasks.model.task import FINAL, Status

RUNNING = [State.STARTING, State.READY, State.BUSY, State.SETTLING, State.FROZEN]
LIVING = [*RUNNING, State.DOWN]
ENVIRONMENTS = {
    ("starting", "polled"): "ready",
    ("starting", "exited"): "down",
    ("ready", "leased"): "busy",
    ("ready", "idled"): "frozen",
    ("ready", "exited"): "down",
    ("busy", "answered"): "settling",
    ("busy", "exited"): "down",
    ("settling", "polled"): "ready",
    ("settling", "exited"): "down",
    ("frozen", "leased"): "busy",
    ("frozen", "exited"): "down",
    ("down", "restarted"): "starting",
    ("retiring", "removed"): "gone",
    **{(state.value, "retired"): "retiring" for state in LIVING},
    **{(state.value, "lost"): "retiring" for state in LIVING},
}
TASKS = {
    ("new", "claimed"): "inProgress",
    ("new", "canceled"): "canceled",
    ("inProgress", "succeeded"): "complete",
    ("inProgress", "failed"): "failed",
    ("inProgress", "retried"): "retried",
    ("inProgress", "released"): "new",
    ("inProgress", "lost"): "failed",
}


def reachable(table, start):
    seen, ahead = set(), [start]
    while ahead:
        state = ahead.pop()
        if state not in seen:
            seen.add(state)
            ahead += table[state].values()
    return seen


@pytest.mark.parametrize(
    ("moves", "allowed", "state", "by"),
    [
        *((lifecycle, ENVIRONMENTS, *each) for each in product(State, lifecycle.Transition)),
        *((task, TASKS, *each) for each in product(Status, task.TaskMove)),
    ],
)
def test_only_these_moves_can_be_made(moves, allowed, state, by):
    after = allowed.get((state.value, by.value))

    assert moves.allows(state, by) is (after is not None)
    if after is None:
        with pytest.raises(IllegalMove, match=state.value):
            moves.move(state, by)
    else:
        assert moves.move(state, by).value == after


@pytest.mark.parametrize("state", State)
def test_every_environment_can_come_to_its_end(state):
    assert State.GONE in reachable(lifecycle.TABLE, state)


@pytest.mark.parametrize("state", LIVING)
def test_every_living_environment_survives_neither_its_retirement_nor_its_containers_end(state):
    assert lifecycle.move(state, lifecycle.Transition.RETIRED) is State.RETIRING
    assert lifecycle.move(state, lifecycle.Transition.LOST) is State.RETIRING


@pytest.mark.parametrize("state", RUNNING)
def test_an_environment_whose_runtime_has_ended_can_start_it_again(state):
    down = lifecycle.move(state, lifecycle.Transition.EXITED)

    assert lifecycle.move(down, lifecycle.Transition.RESTARTED) is State.STARTING


def test_only_a_waiting_environment_is_leased():
    leasable = [state for state in State if lifecycle.allows(state, lifecycle.Transition.LEASED)]

    assert leasable == [State.READY, State.FROZEN]


def test_a_task_that_has_ended_never_changes():
    assert {Status.COMPLETE, Status.FAILED, Status.RETRIED, Status.CANCELED} == FINAL


def test_a_task_in_progress_cannot_be_canceled():
    assert not task.allows(Status.IN_PROGRESS, task.TaskMove.CANCELED)
