"""The states of a runtime: the moves that AWS's own server allows, and no other."""

import re
from itertools import product
from pathlib import Path

import pytest

from taskdock.lambdas.environment import runtime_state
from taskdock.lambdas.environment.runtime_state import RuntimeState

ALLOWED = {
    ("Started", "Ready"): "Ready",
    ("Started", "InitError"): "InitError",
    ("Ready", "Ready"): "Ready",
    ("Ready", "Running"): "Running",
    ("Running", "Ready"): "Running",  # the same event again
    ("Running", "Running"): "Running",
    ("Running", "InvocationResponse"): "RuntimeResponseSentState",
    ("Running", "InvocationErrorResponse"): "RuntimeResponseSentState",
    ("InvocationResponse", "RuntimeResponseSentState"): "RuntimeResponseSentState",
    ("RuntimeResponseSentState", "Ready"): "Ready",
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "lambda-runtime-api.md"
STAYS_IN = sorted(runtime_state.TABLE)


@pytest.mark.parametrize(("state", "asked"), [*product(STAYS_IN, RuntimeState)])
def test_a_runtime_may_do_what_it_may_do_on_aws(state, asked):
    after = ALLOWED.get((state.value, asked.value))

    assert runtime_state.move(state, asked) == (None if after is None else RuntimeState(after))


def test_every_state_that_a_move_leads_to_has_moves_of_its_own():
    reached = {after for moves in runtime_state.TABLE.values() for after in moves.values()}

    assert reached <= set(STAYS_IN)


def test_a_refusal_is_worded_as_on_aws():
    assert runtime_state.refusal(RuntimeState.RESPONSE_SENT, RuntimeState.INVOCATION_RESPONSE) == (
        "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime."
        " Error: State transition is not allowed"
    )


def test_the_document_has_the_same_moves():
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \|$", DOCUMENT.read_text(), re.MULTILINE)

    assert {(state, asked): after for state, asked, after in rows} == ALLOWED
