"""What a runtime may ask for when, in one table with AWS's names for the states. Pure.

The names and the moves are those of AWS's own server, `core/states.go` of
https://github.com/aws/aws-lambda-runtime-interface-emulator, without the states of SnapStart. What
a runtime posts gets here when it is whole: `InvocationResponse` and `InvocationErrorResponse`,
where AWS's server stays while a body arrives, are passed through at once.
"""

from __future__ import annotations

from enum import Enum


class State(str, Enum):
    STARTED = "Started"
    """It loads its function; it has not asked for work yet."""
    INIT_ERROR = "InitError"
    """It said that its init failed, which ends it."""
    READY = "Ready"
    """It waits for an event."""
    RUNNING = "Running"
    """It was given one."""
    INVOCATION_RESPONSE = "InvocationResponse"
    INVOCATION_ERROR_RESPONSE = "InvocationErrorResponse"
    RESPONSE_SENT = "RuntimeResponseSentState"
    """It has answered, and not asked for the next event yet."""


TABLE: dict[State, dict[State, State]] = {
    State.STARTED: {
        State.READY: State.READY,
        State.INIT_ERROR: State.INIT_ERROR,
    },
    State.INIT_ERROR: {},
    State.READY: {
        State.READY: State.READY,
        State.RUNNING: State.RUNNING,
    },
    State.RUNNING: {
        State.READY: State.RUNNING,
        State.RUNNING: State.RUNNING,
        State.INVOCATION_RESPONSE: State.RESPONSE_SENT,
        State.INVOCATION_ERROR_RESPONSE: State.RESPONSE_SENT,
    },
    State.RESPONSE_SENT: {
        State.READY: State.READY,
    },
}
"""By the state that a runtime is in and the one that it asks for: where that leads."""


def move(state: State, asked: State) -> State | None:
    """The state after `asked` was asked for in `state`; None: it is not allowed."""
    return TABLE[state].get(asked)


def refusal(state: State, asked: State) -> str:
    """What AWS says to a runtime that asks for what it may not."""
    return (
        f"State transition from {state.value} to {asked.value} failed for runtime."
        " Error: State transition is not allowed"
    )
