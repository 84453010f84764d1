"""Runs: what was invoked on a server, and what came of it; recordings, and their replay."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from taskdock.base import strict_json
from taskdock.client.api import Json
from taskdock.client.connection import path_part
from taskdock.client.errors import MalformedCall
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.values.errors import BadRecording, FunctionError
from taskdock.testing.values.ids import id_of
from taskdock.testing.values.times import moment_of

_SECONDS_TO_ANSWER = 900.0  # an image may have to be pulled or built
_KIND, _VERSION = "run", 1


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """One invocation of a function."""

    id: str
    sequence: int
    """Counts up with each run of the server."""
    at: datetime
    kind: str
    """task, execution, api, invocation or event."""
    function: str
    task_id: str | None
    event: Any
    answer: Any
    error: FunctionError | None
    log: list[str]
    cold: bool
    duration: float
    """Milliseconds."""
    memory_used: int
    """MB."""
    fault: Json | None
    """The fault that was injected into it."""
    json: Json = field(repr=False, compare=False)
    """The run in the words of the server."""


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """A run, and the same event given to the newest code of its function."""

    before: Json
    after: Json
    same: bool
    """True: both answers are equal."""
    difference: list[str]
    """Each difference, such as "/total: 1 -> 2"."""

    @property
    def result(self) -> Any:
        """The answer now; None where the function failed."""
        return self.after.get("answer")

    @property
    def error(self) -> FunctionError | None:
        """Of the run now."""
        return _error(self.after)

    @property
    def log(self) -> str:
        """The log of the run now, its lines joined."""
        return "\n".join(self.after.get("log") or ())


class RunControl:
    """The runs of one server that are kept."""

    def __init__(self, access: HarnessAccess, page: int = 1000) -> None:
        """`page`: how many runs one call asks for."""
        self._access = access
        self._size = page

    def since(self, sequence: int = 0, function: str = "") -> list[RecordedRun]:
        """Those after the run of that sequence number, the oldest first; of one function if it is
        named. 0: all that are kept. Raises `UnknownFunction`."""
        found: list[RecordedRun] = []
        while page := self._page(sequence, function):
            found += page
            sequence = page[-1].sequence
            if len(page) < self._size:
                break
        if function and not found:
            self._access.require_function(function)
        return found

    def of(self, function: str) -> list[RecordedRun]:
        """All kept runs of a function, the oldest first. Raises `UnknownFunction`."""
        return self.since(function=function)

    @property
    def last(self) -> int:
        """The sequence number of the latest run, to go on from with `since`."""
        return int(self._access.call("GET", "/runs?limit=1")["last"])

    def get(self, run: RecordedRun | str) -> RecordedRun:
        """The run of this id, or this one again. Raises `ServiceError` where it is not kept."""
        id = id_of(run, RecordedRun, "run")
        return _run(self._access.call("GET", f"/runs/{path_part(id)}"))

    def save(self, run: RecordedRun | str, file: str | os.PathLike[str]) -> None:
        """Writes a recording, which `replay` takes."""
        kept = run if isinstance(run, RecordedRun) else self.get(run)
        recording = {"taskdock": _KIND, "version": _VERSION, "run": kept.json}
        Path(file).write_text(json.dumps(recording, indent=2) + "\n", encoding="utf-8")

    def replay(self, run: RecordedRun | str | os.PathLike[str] | Mapping[str, Any]) -> ReplayResult:
        """See `Taskdock.replay`."""
        wish = _replayed(run)
        try:
            answer = self._access.call("POST", "/runs/replay", wish, seconds=_SECONDS_TO_ANSWER)
        except MalformedCall as error:
            if "recording" not in wish:
                raise
            where = "" if isinstance(run, Mapping | RecordedRun) else f"{os.fspath(run)}: "
            raise BadRecording(f"{where}{error.answer['message']}") from None
        return ReplayResult(
            before=answer["before"],
            after=answer["after"],
            same=answer["same"],
            difference=list(answer["difference"]),
        )

    def _page(self, since: int, function: str) -> list[RecordedRun]:
        asked = {"since": str(since), "limit": str(self._size), "functionName": function}
        query = urlencode({name: value for name, value in asked.items() if value})
        return [_run(one) for one in self._access.call("GET", f"/runs?{query}")["data"]]


def _replayed(run: RecordedRun | str | os.PathLike[str] | Mapping[str, Any]) -> Json:
    if isinstance(run, RecordedRun):
        return {"run": run.id}
    if isinstance(run, Mapping):
        return {"recording": dict(run)}
    if not isinstance(run, str | os.PathLike):
        id_of(run, RecordedRun, "run")
    if isinstance(run, str) and not os.path.exists(run) and not run.endswith(".json"):
        return {"run": run}
    try:
        recording = json.loads(Path(run).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRecording(f"{os.fspath(run)} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadRecording(
            f"{os.fspath(run)} is no recording of a run, for it is not JSON:"
            f" {strict_json.explained(error)};"
            " write one with: taskdock runs save ID FILE"
        ) from None
    if not isinstance(recording, dict):
        raise BadRecording(
            f"{os.fspath(run)} is no recording of a run, for it is no JSON object; write one with:"
            " taskdock runs save ID FILE"
        )
    return {"recording": recording}


def _run(one: Json) -> RecordedRun:
    return RecordedRun(
        id=one["id"],
        sequence=one["sequence"],
        at=moment_of(one["at"]),
        kind=one["kind"],
        function=one["functionName"],
        task_id=one.get("taskId"),
        event=one.get("event"),
        answer=one.get("answer"),
        error=_error(one),
        log=list(one.get("log") or ()),
        cold=bool(one.get("cold")),
        duration=one.get("duration") or 0.0,
        memory_used=one.get("memoryUsed") or 0,
        fault=one.get("fault"),
        json=one,
    )


def _error(run: Json) -> FunctionError | None:
    error = run.get("error")
    return FunctionError(error["name"], error["message"]) if error else None
