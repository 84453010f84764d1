"""Replay: gives a kept event to the function as it is now, and compares the two results."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskdock.base.errors import IllegalState, NotFound, TooManyExecutions, Unavailable
from taskdock.base.strict_json.difference import difference
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.invoker import MAX_EVENT, Invoker
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.lambdas.outcome import Cause, Failure
from taskdock.tasks.runs.history import RunHistory, shown

_MAX_EVENT = 2 * MAX_EVENT  # bytes, as for an API request's
_SELF = "<request id>"  # in place of a run's own, which differs always


@dataclass(frozen=True)
class Replayed:
    """Both runs as JSON; `difference` has a line for each place in which their results differ."""

    before: dict[str, Any]
    after: dict[str, Any]
    difference: list[str]


class Replay:
    """For any thread."""

    def __init__(
        self,
        *,
        history: RunHistory,
        catalog: Catalog,
        invoker: Invoker,
        places: threading.Semaphore,
        patience: float,
    ) -> None:
        """`places` limits the invocations whose caller waits; `patience`: seconds that one waits
        for room in memory."""
        self._history = history
        self._catalog = catalog
        self._invoker = invoker
        self._places = places
        self._patience = patience

    def run(self, before: Mapping[str, Any]) -> Replayed:
        """Replays a run, as JSON, by a direct invocation. There is no task and no retry.

        Raises `NotFound` for an unknown function, `IllegalState` for a disabled one,
        `TooManyExecutions`, and `Unavailable` when nothing can be run.
        """
        self._invoker.check_open()
        function = self._function(str(before["functionName"]))
        if not self._places.acquire(blocking=False):
            raise TooManyExecutions
        try:
            after = self._invoke(function, before["event"])
        finally:
            self._places.release()
        return Replayed(dict(before), after, compared(before, after))

    def _function(self, name: str) -> Function:
        function = self._catalog.find(name)
        if function is None:
            raise NotFound(f"there is no function '{name}' to replay the run with: deploy it first")
        if not function.enabled:
            raise IllegalState(f"the function '{name}' is disabled")
        return function

    def _invoke(self, function: Function, event: Any) -> dict[str, Any]:
        call = Call(kind=RunKind.INVOCATION)
        text = json.dumps(event, ensure_ascii=False).encode(errors="replace")
        with self._history.catching(call.request_id) as caught:
            outcome = self._invoker.invoke(
                function,
                text,
                lambda _: None,
                patience=self._patience,
                max_event=_MAX_EVENT,
                call=call,
            )
        if isinstance(outcome, Failure) and outcome.cause in (Cause.STOPPED, Cause.UNAVAILABLE):
            raise Unavailable(f"{outcome.name}: {outcome.message}")
        assert caught.record is not None, "a run that is caught is recorded"
        return dict(shown(caught.record))


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The lines in which the results of two runs differ. Their logs, times and stack traces are not
    compared. Pure."""
    if "error" in before and "error" in after:
        return difference(_error(before), _error(after), "/error")
    if "error" not in before and "error" not in after:
        return difference(before.get("answer"), after.get("answer"))
    return [f"/: {_shown(before)} -> {_shown(after)}"]


def _error(run: Mapping[str, Any]) -> dict[str, Any]:
    message = str(run["error"].get("message"))
    own = run.get("requestId")
    return {
        "name": run["error"].get("name"),
        "message": message.replace(own, _SELF) if own else message,
    }


def _shown(run: Mapping[str, Any]) -> str:
    if "error" in run:
        error = _error(run)
        return f"error {error['name']} ({error['message']})"
    return json.dumps(run.get("answer"), ensure_ascii=False)
