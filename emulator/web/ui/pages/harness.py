"""Harness: faults, recordings and the clock. Doubles have their own module beside this one."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from taskdock.base import strict_json
from taskdock.base.errors import BadField
from taskdock.base.strict_json import Json
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.invoke.faults import FaultType
from taskdock.tasks.runs.recording import to_recording
from taskdock.web.common import requests
from taskdock.web.common.endpoint import Gate
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.clock import ClockMove, ClockViews
from taskdock.web.harness_api.faults import FaultViews, NewFault
from taskdock.web.harness_api.observing.runs import ReplayedJson, ReplayRequest, RunViews
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.rendering import allowed, responses
from taskdock.web.ui.rendering.tabbed import Tab, Tabbed, given

HERE = f"{ROOT}harness"
FAULTS = Tab(HERE, "Faults", "harness/faults.html")
DOUBLES = Tab(f"{HERE}/doubles", "Doubles", "harness/doubles.html")
RECORDINGS = Tab(f"{HERE}/recordings", "Recordings", "harness/recordings.html")
CLOCK = Tab(f"{HERE}/clock", "Clock", "harness/clock.html")
TABS = Tabbed("harness.html", FAULTS, DOUBLES, RECORDINGS, CLOCK)
LOOK = "VIEW_TASK_FUNCTIONS"
CHANGE = Gate.HARNESS
"""As for the API of the harness: on this machine, by its administrator, where it is on."""

_NUMBERS = ("seconds", "times", "probability", "seed")
_RUNS = 50  # on the page


def tells_all(harness: HarnessApi) -> bool:
    """Whether the caller may see what callers and functions have sent."""
    return harness.is_served and allowed.may(allowed.HARNESS)


class FaultPageViews:
    def __init__(self, harness: HarnessApi, catalog: Catalog) -> None:
        self._harness = harness
        self._faults = FaultViews(harness.faults)
        self._catalog = catalog

    @page(HERE, permission=LOOK)
    def show(self) -> Response:
        return TABS.show(FAULTS, **self._content())

    @page(f"{HERE}/faults", permission=LOOK)
    def list(self) -> Response:
        return responses.html("harness/fault_list.html", **self._content())

    @action(f"{HERE}/faults", permission=CHANGE)
    def add(self) -> Response:
        def act() -> str:
            asked = json.dumps(given(numbers=_NUMBERS)).encode()
            added = self._faults.inject(requests.read(NewFault, asked))
            return f"The next calls of {added['functionName']} get the fault {added['fault']}."

        return TABS.after(FAULTS, act, self._content)

    @action(f"{HERE}/faults/<fault_id>/switch", permission=CHANGE)
    def switch(self, fault_id: str) -> Response:
        def act() -> str:
            on = request.form.get("enabled") == "true"
            one = self._harness.faults.switch(fault_id, enabled=on)
            return f"The fault {one.fault} of {one.function_name} is {'on' if on else 'off'}."

        return TABS.after(FAULTS, act, self._content)

    @action(f"{HERE}/faults/<fault_id>/remove", permission=CHANGE)
    def remove(self, fault_id: str) -> Response:
        def act() -> str:
            self._harness.faults.remove(fault_id)
            return "The fault was removed."

        return TABS.after(FAULTS, act, self._content)

    def _content(self) -> dict[str, Any]:
        return {
            "served": self._harness.is_served,
            "faults": self._faults.list()["data"],
            "kinds": [kind.value for kind in FaultType],
            "functions": sorted(function.name for function in self._catalog.all()),
        }


class RecordingPageViews:
    def __init__(self, harness: HarnessApi) -> None:
        self._harness = harness
        self._runs = RunViews(harness.history, harness.replay)

    @page(RECORDINGS.path, permission=LOOK)
    def show(self) -> Response:
        return TABS.show(RECORDINGS, **self._content())

    @page(f"{RECORDINGS.path}/list", permission=LOOK)
    def list(self) -> Response:
        return responses.html("harness/run_list.html", **self._content())

    @page(f"{RECORDINGS.path}/<run_id>", permission=CHANGE)
    def download(self, run_id: str) -> Response:
        """As `taskdock runs save` writes it."""
        run = self._harness.history.get(run_id)
        text = json.dumps(to_recording(run), indent=2, ensure_ascii=False)
        response = Response(text, mimetype="application/json")
        response.headers["Content-Disposition"] = f'attachment; filename="run-{run["id"]}.json"'
        return response

    @action(f"{RECORDINGS.path}/replay", permission=CHANGE)
    def replay(self) -> Response:
        found: list[ReplayedJson] = []

        def act() -> str:
            found.append(self._runs.replay_of(requests.read(ReplayRequest, _asked())))
            return "The run was replayed by the function as it is now."

        def content() -> dict[str, Any]:
            return {**self._content(), "replayed": found[0] if found else None}

        if responses.is_by_htmx():
            return TABS.after(RECORDINGS, act, content)
        act()
        return TABS.show(RECORDINGS, **content())

    def _content(self) -> dict[str, Any]:
        settings = {each["name"]: each["value"] for each in self._harness.system()["settings"]}
        seen = tells_all(self._harness)
        runs = self._harness.history.find(limit=_RUNS)[0] if seen else []
        return {
            "served": self._harness.is_served,
            "seen": seen,
            "runs": list(reversed(runs)),
            "cluster": settings["doubles_record"],
            "folder": settings["doubles"],
            "replayed": None,
        }


class ClockPageViews:
    def __init__(self, harness: HarnessApi) -> None:
        self._harness = harness
        self._clock = ClockViews(harness.driver)

    @page(CLOCK.path, permission=LOOK)
    def show(self) -> Response:
        return TABS.show(CLOCK, **self._content())

    @page(f"{CLOCK.path}/due", permission=LOOK)
    def due(self) -> Response:
        return responses.html("harness/due.html", **self._content())

    @action(CLOCK.path, permission=CHANGE)
    def move(self) -> Response:
        def act() -> str:
            asked: Json = given()
            if asked.get("runUntilIdle"):
                asked["runUntilIdle"] = True
            elif (moment := asked.get("moveTo")) and len(moment) == len("2026-01-02T03:04"):
                asked["moveTo"] = f"{moment}:00Z"  # as the browser's own field gives it, in UTC
            shown = self._clock.move_by(requests.read(ClockMove, json.dumps(asked).encode()))
            return f"The clock is {shown['mode']}; it is {shown['now']}."

        return TABS.after(CLOCK, act, self._content)

    def _content(self) -> dict[str, Any]:
        return {
            "served": self._harness.is_served,
            "clock": self._clock.show(),
            "movable": self._harness.driver.is_movable,
        }


def _asked() -> bytes:
    """The run that the form names, or the file that it has. Raises `BadField`."""
    file = request.files.get("file")
    if file is None:
        return json.dumps(given()).encode()
    try:
        recording = strict_json.loads(file.read())
    except ValueError as error:
        raise BadField(f"the file is no JSON: {strict_json.explained(error)}") from None
    return json.dumps({"recording": recording}).encode()
