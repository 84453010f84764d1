"""The life of an environment: its states and every legal move, in one table. Pure.

Rule: nothing else changes a state, and what is not in the table cannot happen. The chart in
docs/architecture.md is generated from this table.
"""

from __future__ import annotations

from enum import Enum

from taskdock.base.errors import IllegalMove


class State(str, Enum):
    STARTING = "starting"
    """The runtime is started, the first time with its container; it has not asked for work."""
    READY = "ready"
    """The runtime waits in `next`, and all it printed so far has arrived."""
    BUSY = "busy"
    """The environment holds an event."""
    SETTLING = "settling"
    """The environment has answered; its runtime has not asked again yet, or its last lines are
    still on their way."""
    FROZEN = "frozen"
    """The container's processes stand still, between two invocations."""
    DOWN = "down"
    """The runtime has ended; the container and its /tmp wait for the next invocation."""
    RETIRING = "retiring"
    """The container is being killed and removed."""
    GONE = "gone"
    """Nothing is left."""


class Transition(str, Enum):
    POLLED = "polled"
    """The runtime asked for the next event, and its output up to there has arrived."""
    LEASED = "leased"
    ANSWERED = "answered"
    """The runtime posted a response or an error."""
    IDLED = "idled"
    EXITED = "exited"
    """The runtime has ended, by itself or because it was stopped."""
    RESTARTED = "restarted"
    RETIRED = "retired"
    LOST = "lost"
    """The container has ended."""
    REMOVED = "removed"


_ANY = {Transition.RETIRED: State.RETIRING, Transition.LOST: State.RETIRING}

TABLE: dict[State, dict[Transition, State]] = {
    State.STARTING: {Transition.POLLED: State.READY, Transition.EXITED: State.DOWN, **_ANY},
    State.READY: {
        Transition.LEASED: State.BUSY,
        Transition.IDLED: State.FROZEN,
        Transition.EXITED: State.DOWN,
        **_ANY,
    },
    State.BUSY: {Transition.ANSWERED: State.SETTLING, Transition.EXITED: State.DOWN, **_ANY},
    State.SETTLING: {Transition.POLLED: State.READY, Transition.EXITED: State.DOWN, **_ANY},
    State.FROZEN: {Transition.LEASED: State.BUSY, Transition.EXITED: State.DOWN, **_ANY},
    State.DOWN: {Transition.RESTARTED: State.STARTING, **_ANY},
    State.RETIRING: {Transition.REMOVED: State.GONE},
    State.GONE: {},
}


def move(state: State, by: Transition) -> State:
    """The state after `by`; raises `IllegalMove`."""
    try:
        return TABLE[state][by]
    except KeyError:
        raise IllegalMove(f"an environment that is {state.value} cannot be {by.value}") from None


def allows(state: State, by: Transition) -> bool:
    return by in TABLE[state]
