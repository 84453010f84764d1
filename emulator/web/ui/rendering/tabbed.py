"""Pages of several tabs: a tab is shown whole, or alone where the page has the rest already."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from taskdock.base.errors import TaskdockError
from taskdock.base.strict_json import Json
from taskdock.web.common import problems
from taskdock.web.ui.rendering import responses

_WHOLE = re.compile(r"-?\d{1,15}")
_NUMBER = re.compile(r"-?\d{1,15}[.,]\d{1,15}")


@dataclass(frozen=True)
class Tab:
    """`part`: the template of its content, which is one section."""

    path: str
    title: str
    part: str


class Tabbed:
    """The tabs of one page. `template`: of the whole page, which includes `tab.part`."""

    def __init__(self, template: str, *tabs: Tab) -> None:
        self._template = template
        self._tabs = tabs

    def show(self, tab: Tab, **values: Any) -> Response:
        template = tab.part if responses.is_by_htmx() else self._template
        shown = {"said": "", "wrong": "", "given": defaultdict(str), **values}
        return responses.html(template, tabs=self._tabs, tab=tab, **shown)

    def after(
        self, tab: Tab, act: Callable[[], str], content: Callable[[], dict[str, Any]]
    ) -> Response:
        """Does `act`, then shows the tab with what it says, or with the reason why it was refused
        and what the form had. Without the script, a tab that was changed is asked for anew."""
        try:
            said = act()
        except TaskdockError as error:
            typed = defaultdict(str, request.form.to_dict())
            status = problems.status_of(error)
            refused = {"wrong": error.message, "given": typed, "http_status": status}
            return self.show(tab, **{**content(), **refused})
        if responses.is_by_htmx():
            return self.show(tab, **{**content(), "said": said})
        return Response(status=303, headers={"Location": responses.link(tab.path)})


def given(*, numbers: Collection[str] = ()) -> Json:
    """The fields of the form that were filled in. A text that is no number stays as it is: the
    reader of the field refuses it."""
    found: Json = {}
    for name, value in request.form.items():
        text = value.strip()
        if not text:
            continue
        found[name] = _number(text) if name in numbers else text
    return found


def _number(text: str) -> int | float | str:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else text
