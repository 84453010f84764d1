"""Invokes functions for work of every kind; whatever goes wrong here becomes the call's failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from taskdock.base.notices import Notices
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.invoker import MAX_EVENT, Invoker
from taskdock.lambdas.invoke.waiting import Turn
from taskdock.lambdas.log_line import Sink
from taskdock.lambdas.outcome import Failure, Outcome, broken, not_started
from taskdock.tasks.model.notices import InvocationBroke


class SafeInvoker:
    """For any thread."""

    def __init__(self, *, invoker: Invoker, notices: Notices) -> None:
        self._invoker = invoker
        self._notices = notices

    def check_open(self) -> None:
        """For those whose caller waits. Raises `Unavailable` when the server stops."""
        self._invoker.check_open()

    def begin(
        self,
        id: str,
        function: Function | None,
        event: Any,
        sink: Sink,
        *,
        patience: float,
        ended: Callable[[Outcome], object],
        name: str = "",
        call: Call | None = None,
        turn: Turn | None = None,
    ) -> None:
        """Begins to invoke a function, and returns at once. `ended` is called once, with the
        outcome, on any thread, and may not block.

        `id`: of the work that this is done for, and `name`: of the function that it names, which
        may be unknown. `event`: a JSON value, or the bytes of one, which stay as they are.
        `patience`: seconds that it may wait for room in memory.
        """
        if function is None:
            ended(not_started("FunctionUnknown", f"there is no function '{name}'"))
            return
        if not function.enabled:
            ended(_disabled(function))
            return
        try:
            self._invoker.begin(
                function, _text(event), sink, patience=patience, call=call, turn=turn, ended=ended
            )
        except Exception as error:
            ended(self._broken(id, error))

    def invoke(
        self,
        id: str,
        function: Function,
        event: Any,
        sink: Sink,
        *,
        patience: float,
        max_event: int = MAX_EVENT,
        call: Call | None = None,
    ) -> Outcome:
        """Invokes a function and waits for its outcome. `max_event`: bytes; the rest is as with
        `begin`."""
        if not function.enabled:
            return _disabled(function)
        try:
            return self._invoker.invoke(
                function, _text(event), sink, patience=patience, max_event=max_event, call=call
            )
        except Exception as error:
            return self._broken(id, error)

    def _broken(self, id: str, error: Exception) -> Failure:
        self._notices.publish(InvocationBroke(id=id, error=repr(error)))
        return broken(error)


def _disabled(function: Function) -> Failure:
    return not_started("FunctionDisabled", f"the function '{function.name}' is disabled")


def _text(event: Any) -> bytes:
    return event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
