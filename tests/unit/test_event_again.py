"""An event that a function had is loaded into the fields of Try it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.ui.pages.functions.event_again import fields_of


def fields(kind: str, event: Any) -> dict[str, str]:
    return fields_of(cast(RunJson, {"kind": kind, "event": event}))


@pytest.mark.parametrize("kind", ["task", "execution"])
def test_a_task_has_its_data(kind: str) -> None:
    assert fields(kind, {"id": "1", "data": {"legs": 4}}) == {
        "way": kind,
        "event": '{\n  "legs": 4\n}',
    }
    assert fields(kind, {"id": "1"})["event"] == "{}"


@pytest.mark.parametrize("kind", ["invocation", "event"])
def test_an_invocation_has_its_whole_event(kind: str) -> None:
    assert fields(kind, {"data": 1}) == {"way": kind, "event": '{\n  "data": 1\n}'}
    assert fields(kind, "oak")["event"] == '"oak"'


def test_an_api_request_has_its_request_without_what_the_server_adds() -> None:
    event = {
        "rawPath": "/chairs/a%20b",
        "rawQueryString": "?wood=oak",
        "cookies": ["a=1", "b=2"],
        "headers": {"accept": "*/*", "host": "localhost", "x-forwarded-for": "1.2.3.4"},
        "requestContext": {"http": {"method": "PUT"}},
        "body": "bGVncw==",
        "isBase64Encoded": True,
    }
    assert fields("api", event) == {
        "way": "api",
        "method": "PUT",
        "path": "/chairs/a%20b?wood=oak",
        "headers": "accept: */*\ncookie: a=1; b=2",
        "body": "legs",
    }


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"requestContext": 1, "headers": [], "body": None},
        {"body": "é", "isBase64Encoded": True},
    ],
)
def test_an_event_that_a_function_has_made_up_is_no_harm(event: Any) -> None:
    assert fields("api", event)["method"] == "GET"
