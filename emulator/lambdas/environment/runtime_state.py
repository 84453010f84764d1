"""The states of a runtime, and the moves between them, in one table with AWS's names. Pure.

The names and the moves are those of AWS's own server, `core/states.go` of
https://github.com/aws/aws-lambda-runtime-interface-emulator, without the states of SnapStart.
`InvocationResponse`, where AWS's server stays while a body arrives, is here the state of an answer
that its caller reads while it arrives. Another post counts when it is complete: it passes through
`InvocationResponse` or `InvocationErrorResponse` at once.
"""

from __future__ import annotations

from enum import Enum


class RuntimeState(str, Enum):
    STARTED = "Started"
    """The runtime loads its function; it has not asked for work yet."""
    INIT_ERROR = "InitError"
    """The runtime said that its init failed, which ends it."""
    READY = "Ready"
    """The runtime waits for an event."""
    RUNNING = "Running"
    """The runtime has an event."""
    INVOCATION_RESPONSE = "InvocationResponse"
    """The runtime's answer arrives, and the caller reads it meanwhile."""
    INVOCATION_ERROR_RESPONSE = "InvocationErrorResponse"
    RESPONSE_SENT = "RuntimeResponseSentState"
    """The runtime has answered, and not asked for the next event yet."""


TABLE: dict[RuntimeState, dict[RuntimeState, RuntimeState]] = {
    RuntimeState.STARTED: {
        RuntimeState.READY: RuntimeState.READY,
        RuntimeState.INIT_ERROR: RuntimeState.INIT_ERROR,
    },
    RuntimeState.INIT_ERROR: {},
    RuntimeState.READY: {
        RuntimeState.READY: RuntimeState.READY,
        RuntimeState.RUNNING: RuntimeState.RUNNING,
    },
    RuntimeState.RUNNING: {
        RuntimeState.READY: RuntimeState.RUNNING,
        RuntimeState.RUNNING: RuntimeState.RUNNING,
        RuntimeState.INVOCATION_RESPONSE: RuntimeState.RESPONSE_SENT,
        RuntimeState.INVOCATION_ERROR_RESPONSE: RuntimeState.RESPONSE_SENT,
    },
    RuntimeState.INVOCATION_RESPONSE: {
        RuntimeState.RESPONSE_SENT: RuntimeState.RESPONSE_SENT,
    },
    RuntimeState.RESPONSE_SENT: {
        RuntimeState.READY: RuntimeState.READY,
    },
}
"""The state after a move, by the state of the runtime and the one that it asks for."""


def move(state: RuntimeState, asked: RuntimeState) -> RuntimeState | None:
    """The state after `asked` was asked for in `state`; None: it is not allowed."""
    return TABLE[state].get(asked)


def refusal(state: RuntimeState, asked: RuntimeState) -> str:
    """AWS's message to a runtime that asks for a move that is not in the table."""
    return (
        f"State transition from {state.value} to {asked.value} failed for runtime."
        " Error: State transition is not allowed"
    )
