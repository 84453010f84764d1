"""/taskdock/doctor: examines this machine when it is asked to, and keeps what was found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Annotated, TypedDict

from taskdock.base.strict_json import IsoTime, SchemaPart, one_of, present
from taskdock.base.timing.clock import Clock, SystemClock, to_iso
from taskdock.web.harness_api.endpoint import endpoint


class FindingJson(TypedDict):
    name: str
    status: Annotated[str, one_of("ok", "degraded", "broken", "unchecked")]
    measured: str
    remedies: list[str]


class ExaminationJson(TypedDict):
    isRunning: bool
    beganTimestamp: Annotated[IsoTime, SchemaPart(description="missing: never")] | None
    endedTimestamp: IsoTime | None
    findings: list[FindingJson]


Examine = Callable[[], Iterator[FindingJson]]
"""Makes each finding in turn. That takes seconds, and containers."""


class Examiner:
    """For any thread. One examination is made at a time, and none that nobody has asked for."""

    def __init__(self, examine: Examine, clock: Clock | None = None) -> None:
        """`clock`: None is the machine's."""
        self._examine = examine
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._began: str | None = None
        self._ended: str | None = None
        self._running = False
        self._findings: list[FindingJson] = []

    def begin(self) -> ExaminationJson:
        """Begins an examination on a thread of its own, unless one runs."""
        with self._lock:
            if not self._running:
                self._running, self._findings = True, []
                self._began, self._ended = to_iso(self._clock.now()), None
                threading.Thread(target=self._run, name="doctor", daemon=True).start()
        return self.state()

    def state(self) -> ExaminationJson:
        with self._lock:
            shown: ExaminationJson = {
                "isRunning": self._running,
                "beganTimestamp": self._began,
                "endedTimestamp": self._ended,
                "findings": list(self._findings),
            }
        return present(shown)

    def _run(self) -> None:
        try:
            for finding in self._examine():
                with self._lock:
                    self._findings.append(finding)
        except Exception as error:
            with self._lock:
                self._findings.append(_failed(error))
        finally:
            with self._lock:
                self._running, self._ended = False, to_iso(self._clock.now())


class DoctorViews:
    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner

    @endpoint(
        "POST",
        "/taskdock/doctor",
        summary="Begin to examine this machine, in containers of its own, unless that is under way",
        answer=ExaminationJson,
    )
    def begin(self) -> ExaminationJson:
        return self._examiner.begin()

    @endpoint(
        "GET",
        "/taskdock/doctor",
        summary="The latest examination of this machine, as far as it has come",
        answer=ExaminationJson,
    )
    def show(self) -> ExaminationJson:
        return self._examiner.state()


def _failed(error: Exception) -> FindingJson:
    return {
        "name": "examination",
        "status": "broken",
        "measured": f"it could not go on: {type(error).__name__}: {error}",
        "remedies": ["taskdock doctor"],
    }
