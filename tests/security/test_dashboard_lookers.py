"""The dashboard as people see it who may look at all or at some of it, and change nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.web.common.endpoint import Gate, declared
from tests.support.builders import Dock
from tests.support.endpoints import APPLICATION, DASHBOARD
from tests.support.people import Person, administrator, person

NAME = "walnut-table"
PRINTED = "sawdust on the floor"
LATER = "2199-01-01T00:00:00Z"
_NEEDED = {str(endpoint.permission) for endpoint in DASHBOARD.values()}
_OF_KINDS = {"VIEW_API_FUNCTION_REQUESTS"}  # which views ask for themselves
LOOKING = tuple(sorted(each for each in _NEEDED | _OF_KINDS if each.startswith("VIEW_")))
PAGE_OF = {
    ("VIEW_SUBSCRIPTIONS",): ("VIEW_EVENTS",),
    ("VIEW_TASK_FUNCTION_DETAILS",): ("VIEW_EVENTS",),
    ("VIEW_API_FUNCTION_REQUESTS",): ("VIEW_TASKS",),
}
"""Permissions for a part of a page alone, with one that shows the page."""
LOGS = ("VIEW_TASK_LOGS", "VIEW_API_FUNCTION_REQUEST_LOGS", "VIEW_TASK_FUNCTION_LOGS")
_ROOTS = ("/ui/", "/ui/functions", "/ui/runs", "/ui/queue", "/ui/queue/schedules", "/ui/events")
_ROOTS += ("/ui/harness", "/ui/system", f"/ui/functions/{NAME}")
_MOST = 200  # pages
_BY_HAND = re.compile(r"/ui/(stream|static/.*|sign-out)")


@dataclasses.dataclass
class Seen:
    """What a page leads to, and what it would change."""

    leads: set[str] = dataclasses.field(default_factory=set)
    acts: set[str] = dataclasses.field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen = Seen()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "get").lower() == "get":
            self.seen.leads.add(given["action"])
        elif tag == "form":
            self.seen.acts.add(given["action"])
        acts = ("hx-post", "formaction", "hx-put", "hx-delete", "hx-patch")
        self.seen.acts.update(given[name] for name in acts if name in given)
        self.seen.leads.update(given[name] for name in ("href", "hx-get") if name in given)


def open_all(who: Person) -> dict[str, tuple[Seen, str]]:
    """Every page that this person reaches, by its address: nothing that is shown to be opened is
    refused."""
    found: dict[str, tuple[Seen, str]] = {}
    wanted = [path for path in _ROOTS if who.ask("GET", path).status_code == 200]
    assert wanted
    while wanted and len(found) < _MOST:
        path = wanted.pop().partition("?")[0]  # a filter shows no other forms
        if path in found or not path.startswith("/ui/") or _BY_HAND.fullmatch(path):
            continue
        answer = who.ask("GET", path)
        assert answer.status_code == 200, (path, answer.text)
        reader = _Reader()
        if answer.headers["Content-Type"].startswith("text/html"):
            reader.feed(answer.text)
        found[path] = reader.seen, answer.text
        wanted += sorted(reader.seen.leads)
    return found


def needs(action: str) -> str | Gate:
    """The permission of the action of a form."""
    rule, _ = APPLICATION.url_map.bind("localhost").match(
        action.partition("?")[0], method="POST", return_rule=True
    )
    return declared(rule).needs("POST")


def actions(found: dict[str, tuple[Seen, str]]) -> dict[str, str | Gate]:
    return {act: needs(act) for seen, _ in found.values() for act in seen.acts}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, stop_later: Any) -> Iterator[Dock]:
    """A server that has something on every page."""
    dock = Dock(tmp_path_factory.mktemp("full") / "data")

    def handler(event: Any, runtime: FakeRuntime) -> object:
        runtime.print(PRINTED)
        return {"statusCode": 200, "body": "sanded"}

    root = administrator(dock)
    dock.deploy_handler(handler, NAME)
    done = dock.create_task()
    dock.finish(done)
    dock.execute()
    dock.create_task(startTimestamp=LATER)
    root.post(
        "/tasks/v1/schedules/",
        {"functionName": NAME, "interval": 3600, "startTimestamp": LATER},
    )
    root.post("/events/v1/subscriptions", {"eventTypes": ["task_failed"], "functionName": NAME})
    assert root.ask("GET", f"/tasks/v1/api/{NAME}/").status_code == 200
    root.post("/taskdock/faults", {"functionName": NAME, "fault": "crash"})
    yield dock
    stop_later(dock)


def test_the_administrator_finds_an_action_of_every_kind(full: Dock) -> None:
    """So that the tests below see the forms that others are not to see."""
    found = actions(open_all(administrator(full)))

    assert {
        Gate.HARNESS,
        "CREATE_TASKS",
        "CANCEL_TASKS",
        "EXECUTE_TASK_FUNCTION",
        "CREATE_TASK_FUNCTION",
        "UPDATE_TASK_FUNCTION",
        "DELETE_TASK_FUNCTION",
        "CREATE_TASK_SCHEDULE",
        "DELETE_TASK_SCHEDULE",
        "CREATE_SUBSCRIPTIONS",
    } <= set(found.values())


@pytest.mark.parametrize(
    "permissions", [(*LOOKING, *LOGS), *((each,) for each in LOOKING)], ids=lambda each: each[-1]
)
def test_who_may_look_sees_no_form_and_no_link_that_is_refused(
    full: Dock, permissions: tuple[str, ...]
) -> None:
    permissions += PAGE_OF.get(permissions, ())

    found = open_all(person(full, *permissions))

    assert actions(found) == {}


def test_logs_are_for_who_may_see_logs(full: Dock) -> None:
    without, every = (open_all(person(full, *LOOKING, *more)) for more in ((), LOGS))

    assert [path for path, (_, text) in every.items() if PRINTED in text]
    assert not [path for path, (_, text) in without.items() if PRINTED in text]
    assert [path for path in every if path.endswith("/recording")]


@pytest.mark.parametrize(
    "permission",
    ["CANCEL_TASKS", "CREATE_TASKS", "UPDATE_TASK_FUNCTION", "EXECUTE_TASK_FUNCTION"],
)
def test_a_user_sees_the_actions_that_are_theirs_and_no_others(full: Dock, permission: str) -> None:
    found = actions(open_all(person(full, *LOOKING, permission)))

    trying = f"/ui/functions/{NAME}/try"
    wanted = {needed for act, needed in found.items() if act != trying}
    assert wanted == {permission}
    assert (trying in found) == (permission in {"CREATE_TASKS", "EXECUTE_TASK_FUNCTION"})
