"""System: the server, its engine and images, settings, notices, an examination, and a reset."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from taskdock.base.errors import BadField
from taskdock.web.common import requests
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.observing.server import notices
from taskdock.web.harness_api.reset import NewReset, ResetJson, ResetViews
from taskdock.web.task_api.status import Report
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.pages.harness import CHANGE, LOOK
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.rendering.tabbed import Tab, Tabbed

HERE = f"{ROOT}system"
SERVER = Tab(HERE, "Server", "system/server.html")
IMAGES = Tab(f"{HERE}/images", "Runtimes and images", "system/images.html")
SETTINGS = Tab(f"{HERE}/settings", "Settings", "system/settings.html")
DOCTOR = Tab(f"{HERE}/doctor", "Doctor", "system/doctor.html")
NOTICES = Tab(f"{HERE}/notices", "Notices", "system/notices.html")
RESET = Tab(f"{HERE}/reset", "Reset", "system/reset.html")
TABS = Tabbed("system.html", SERVER, IMAGES, SETTINGS, DOCTOR, NOTICES, RESET)

_USUAL = "INFO"  # the level of notices that are shown
_LINES = 100  # of notices on the page


class SystemPageViews:
    """The tabs that only show."""

    def __init__(self, report: Report, harness: HarnessApi) -> None:
        self._report = report
        self._harness = harness

    @page(HERE, permission=LOOK)
    def show(self) -> Response:
        return TABS.show(SERVER, **self._content())

    @page(f"{HERE}/server", permission=LOOK)
    def server(self) -> Response:
        return responses.html("system/facts.html", **self._content())

    @page(IMAGES.path, permission=LOOK)
    def images(self) -> Response:
        return TABS.show(IMAGES, **self._content())

    @page(f"{IMAGES.path}/list", permission=LOOK)
    def image_list(self) -> Response:
        return responses.html("system/image_list.html", **self._content())

    @page(SETTINGS.path, permission=LOOK)
    def settings(self) -> Response:
        return TABS.show(SETTINGS, system=self._harness.system())

    @page(NOTICES.path, permission=LOOK)
    def notices(self) -> Response:
        return TABS.show(NOTICES, **self._notices())

    @page(f"{NOTICES.path}/list", permission=LOOK)
    def notice_list(self) -> Response:
        return responses.html("system/notice_list.html", **self._notices())

    def _content(self) -> dict[str, Any]:
        return {"status": self._report(), "system": self._harness.system()}

    def _notices(self) -> dict[str, Any]:
        level, text = request.args.get("level", _USUAL), request.args.get("text", "")
        if level not in notices.LEVELS:
            level = _USUAL
        found = notices.find(self._harness.notices, level, text)
        return {
            "notices": found[:_LINES],
            "count": len(found),
            "level": level,
            "levels": notices.LEVELS,
            "filtered": level != _USUAL or bool(text),
            "text": text,
        }


class DoctorPageViews:
    def __init__(self, harness: HarnessApi) -> None:
        self._examiner = harness.examiner

    @page(DOCTOR.path, permission=LOOK)
    def show(self) -> Response:
        return TABS.show(DOCTOR, examination=self._examiner.state())

    @page(f"{DOCTOR.path}/findings", permission=LOOK)
    def findings(self) -> Response:
        return responses.html("system/findings.html", examination=self._examiner.state())

    @action(DOCTOR.path, permission=CHANGE)
    def begin(self) -> Response:
        def act() -> str:
            self._examiner.begin()
            return "This machine is examined."

        return TABS.after(DOCTOR, act, lambda: {"examination": self._examiner.state()})


class ResetPageViews:
    def __init__(self, harness: HarnessApi) -> None:
        self._harness = harness
        self._views = ResetViews(harness.reset, harness.driver)

    @page(RESET.path, permission=LOOK)
    def show(self) -> Response:
        return TABS.show(RESET, **self._content())

    @action(RESET.path, permission=CHANGE)
    def reset(self) -> Response:
        removed: list[ResetJson] = []

        def act() -> str:
            removed.append(self._views.run(_asked()))
            return "The server was reset."

        def content() -> dict[str, Any]:
            return {**self._content(), "removed": removed[0] if removed else None}

        return TABS.after(RESET, act, content)

    def _content(self) -> dict[str, Any]:
        names = self._harness.reset.names if self._harness.is_served else []
        return {"served": self._harness.is_served, "names": names, "removed": None}


def _asked() -> NewReset:
    """Raises `BadField`."""
    keep, grace = request.form.getlist("keep"), request.form.get("grace") or "5"
    try:
        asked = json.dumps({"keep": keep, "grace": float(grace)}).encode()
    except ValueError:
        raise BadField(f"grace: '{grace[:40]}' is no number of seconds") from None
    return requests.read(NewReset, asked)
