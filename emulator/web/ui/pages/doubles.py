"""Doubles on the page Harness: rules, the calls that they had, and calls that nothing answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response

from taskdock.base import strict_json
from taskdock.base.errors import BadDouble, NotFound
from taskdock.base.strict_json import Json
from taskdock.web.doubles.call_log import AnsweredCall, CallJson, to_json
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.doubles import DoubleViews
from taskdock.web.ui.page import action, page
from taskdock.web.ui.pages.harness import CHANGE, DOUBLES, LOOK, TABS, tells_all
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.rendering.tabbed import given
from taskdock.web.ui.shown.doubles import rule_lines

_CALLS = 50  # on the page


class DoublePageViews:
    def __init__(self, harness: HarnessApi) -> None:
        self._harness = harness
        self._parts = harness.doubles
        self._views = DoubleViews(harness.doubles)

    @page(DOUBLES.path, permission=LOOK)
    def show(self) -> Response:
        return TABS.show(DOUBLES, **self._content())

    @page(f"{DOUBLES.path}/list", permission=LOOK)
    def parts(self) -> Response:
        return responses.html("harness/double_list.html", **self._content())

    @page(f"{DOUBLES.path}/calls/<number>", permission=CHANGE)
    def call(self, number: str) -> Response:
        """Raises `NotFound`."""
        found = self._calls(lambda each: str(each.number) == number)
        if not found:
            raise NotFound(f"the call {number[:20]} is not kept any more")
        return responses.html("harness/call.html", call=found[0], back=DOUBLES.path)

    @action(DOUBLES.path, permission=CHANGE)
    def add(self) -> Response:
        def act() -> str:
            added = self._parts.doubles.add(_rule(given(numbers=("status", "times"))))
            return f"The double {added.source['path']} answers from now on."

        return TABS.after(DOUBLES, act, self._content)

    @action(f"{DOUBLES.path}/<double_id>/remove", permission=CHANGE)
    def remove(self, double_id: str) -> Response:
        def act() -> str:
            self._parts.doubles.remove(double_id)
            return "The double was removed."

        return TABS.after(DOUBLES, act, self._content)

    def _content(self) -> dict[str, Any]:
        if not tells_all(self._harness):
            served = self._harness.is_served
            return {"served": served, "seen": False, "doubles": [], "calls": []}
        shown = [{**each, "lines": rule_lines(each)} for each in self._views.find()["data"]]
        calls = self._calls(lambda _: True)
        return {"served": True, "seen": True, "doubles": shown, "calls": calls[::-1]}

    def _calls(self, wanted: Callable[[AnsweredCall], bool]) -> list[CallJson]:
        found = self._parts.doubles.calls.find(wanted)
        return [to_json(each) for each in found[-_CALLS:]]


def _rule(form: Json) -> Json:
    """The double that a form asks for. Raises `BadDouble`."""
    rule: Json = {name: form[name] for name in ("method", "path", "times") if name in form}
    answer: Json = {"status": form.get("status", 200)}
    if "json" in form:
        try:
            answer["json"] = strict_json.loads(form["json"])
        except ValueError as error:
            raise BadDouble(
                f"the answer is no JSON: {strict_json.explained(error)}", key="answer"
            ) from None
    return {**rule, "answer": answer}
