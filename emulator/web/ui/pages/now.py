"""Now: what the server does at this moment, for a projector too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from taskdock.base.errors import BadField, StorageError
from taskdock.base.timing.clock import to_iso
from taskdock.base.timing.harness_clock import Mode
from taskdock.tasks.agenda.driver import Driver
from taskdock.tasks.queue.lineup import QueuePlace
from taskdock.web.common.endpoint import Gate
from taskdock.web.harness_api import clock
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.observing import glances
from taskdock.web.task_api.status import Report
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.rendering.allowed import may
from taskdock.web.ui.shown import board as boards
from taskdock.web.ui.shown.board import Board

STEPS: Mapping[str, tuple[str, timedelta]] = {
    "1s": ("1 s", timedelta(seconds=1)),
    "1m": ("1 min", timedelta(minutes=1)),
    "1h": ("1 h", timedelta(hours=1)),
    "1d": ("1 d", timedelta(days=1)),
}
"""The lengths of time by which the clock is moved by a button, by their names."""
_LANES, _LANES_OF_ROOM = 24, 12
_PLACES, _PLACES_OF_ROOM = 12, 6
_ENDED, _ENDED_OF_ROOM = 12, 6
_LINES, _LINES_OF_ROOM = 12, 4
_LOOKED_AT = 80  # lines, of which a room sees those that functions have printed
_LONGEST = 300  # characters of a line


class NowViews:
    def __init__(self, report: Report, harness: HarnessApi) -> None:
        self._report = report
        self._harness = harness
        self._lineup = harness.lineup.lineup

    @property
    def _driver(self) -> Driver:
        return self._harness.driver

    @page(ROOT, permission="VIEW_TASKS")
    def now(self) -> Response:
        return responses.html("now.html", **self._shown(), **self._clock())

    @page(f"{ROOT}now/board", permission="VIEW_TASKS")
    def board(self) -> Response:
        return responses.html("now_board.html", **self._shown())

    @page(f"{ROOT}now/clock", permission="VIEW_TASKS")
    def clock(self) -> Response:
        return responses.html("now_clock.html", **self._clock())

    @action(f"{ROOT}now/clock", permission=Gate.HARNESS)
    def move_clock(self) -> AnyResponse:
        """Raises `BadField` and what the driver raises."""
        step, mode = request.form.get("advance"), request.form.get("mode")
        if step is not None:
            if step not in STEPS:
                raise BadField(f"advance: there is no button '{step[:40]}'")
            self._driver.advance(STEPS[step][1])
        elif mode is not None:
            if mode not in list(Mode):
                raise BadField(f"mode: there is no '{mode[:40]}'; there are {', '.join(Mode)}")
            self._driver.switch(Mode(mode))
        else:
            self._driver.run_until_idle()
        return self.clock() if responses.is_by_htmx() else redirect(responses.link(ROOT), 303)

    def _shown(self) -> dict[str, Any]:
        room = responses.presents()
        return {
            "board": self._board(room=room),
            "stages": boards.STAGES,
            "kinds": boards.KINDS,
            "example": next(iter(sorted(self._harness.catalog.live)), None),
        }

    def _board(self, *, room: bool) -> Board:
        status: Mapping[str, Any] = self._report.of_memory()
        ended = [
            glances.ended_json(each)
            for each in self._harness.glances.ended.latest(_ENDED_OF_ROOM if room else _ENDED)
        ]
        over = {str(each.get("taskId")) for each in ended}
        lanes, more = boards.lanes_of(
            status["environments"], over, _LANES_OF_ROOM if room else _LANES
        )
        counts, places, lines = self._in_the_database(_PLACES_OF_ROOM if room else _PLACES)
        return Board(
            counts=counts,
            lanes=lanes,
            more_lanes=more,
            prewarmed=[level for level in status["prepared"] if level["count"]],
            waiting=status["waiting"],
            queue=boards.queue_of(places, over | boards.tasks_in(lanes)),
            ended=ended,
            log=boards.lines_of(lines, _LINES_OF_ROOM if room else _LINES, present=room),
            memory=status["memory"],
        )

    def _in_the_database(
        self, places: int
    ) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]], list[Mapping[str, Any]]]:
        """None and nothing where it cannot be read: the rest is shown all the same."""
        try:
            counts = glances.counts_json(self._harness.glances.counts.read())
            found = [_place_json(place) for place in self._lineup.first(places)]
            lines = self._harness.glances.tail.newest(_LOOKED_AT, characters=_LONGEST)
        except (StorageError, OSError):
            return None, [], []
        if not may("VIEW_TASK_FUNCTION_LOGS"):
            lines = []
        return counts, found, [glances.line_json(line) for line in lines]

    def _clock(self) -> dict[str, Any]:
        if not self._driver.is_movable:
            return {"clock": None}
        return {
            "clock": clock.clock_json(self._driver),
            "steps": {name: label for name, (label, _) in STEPS.items()},
            "modes": list(Mode),
        }


def _place_json(place: QueuePlace) -> Mapping[str, Any]:
    task = place.task
    return {
        "id": task.id,
        "functionName": task.function_name,
        "isDue": place.is_due,
        "startTimestamp": to_iso(task.start_timestamp),
        "priority": task.priority,
        "reason": place.reason,
    }
