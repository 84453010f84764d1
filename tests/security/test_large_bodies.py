"""What bounds large bodies keeps nobody up whose bodies are small: honest callers, side by side."""

from __future__ import annotations

import contextlib
import json

from taskdock.base.timing.limits import Limits
from taskdock.testing.waiting import eventually
from taskdock.web.http.budget import SMALL
from taskdock.web.public import router as public_router
from tests.security.test_floods import callers
from tests.support.builders import Gate, StartDock

EXECUTE = "/tasks/v1/functions/walnut-table/execute"


def test_bodies_that_say_no_length_hold_no_more_than_they_have_while_their_functions_run(
    start_dock: StartDock,
) -> None:
    """As programs send them that do not know it before: Node.js's `http` does so by default."""
    dock, gate = start_dock(memory_budget=4096), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), timeLimit=30)
    sent = json.dumps({"data": {"text": "x" * 4 * SMALL}}).encode()
    count = public_router._FROM_ADDRESSES // public_router.MAX_BODY + 3

    with contextlib.ExitStack() as stack:
        stack.callback(gate.open)
        for each in stack.enter_context(callers(dock, count)):
            each.begin("POST", EXECUTE, None, "Content-Type: application/json")
            each.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(sent), sent))
        eventually(lambda: gate.waiting == count)

        budget = dock.emulator.web.router.addresses
        # what they have said, and their headers
        assert count * len(sent) <= budget.used < count * (len(sent) + 1024)
    eventually(lambda: budget.used == 0)


def test_who_has_sent_large_bodies_on_many_connections_sends_more_on_each(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=Limits(http_patience=2.0))
    dock.deploy(lambda event, runtime: len(event["data"]["text"]))
    sent = json.dumps({"data": {"text": "x" * 2 * SMALL}}).encode()

    with callers(dock, 20) as many:
        for each in (*many, *reversed(many)):
            each.begin("POST", EXECUTE, len(sent), "Content-Type: application/json")
            each.send(sent)
            assert each.answer()[0] == 200
