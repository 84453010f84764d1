"""Trials of functions from the dashboard, in each of the ways, without a browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Json

TABLE = "walnut-table"


def handler(event: Json, runtime: FakeRuntime) -> Any:
    if "rawPath" in event:
        return {"statusCode": 200, "body": f"{event['rawPath']}{event['rawQueryString']}"}
    if (event.get("data") or event).get("fails"):
        raise ValueError("no <b>wood</b>")
    return {"got": event.get("data", event)}


def post(dock: Dock, path: str, data: dict[str, str], **headers: str) -> requests.Response:
    """As a page of the dashboard posts."""
    own = {"Origin": dock.url, "Sec-Fetch-Site": "same-origin"}
    return requests.post(f"{dock.url}{path}", data=data, headers={**own, **headers}, timeout=60)


def attempt(dock: Dock, way: str, event: str = "{}", name: str = TABLE, **given: str) -> str:
    data = {"way": way, "event": event, **given}
    answer = post(dock, f"/ui/functions/{name}/try", data, **{"HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


def follow(dock: Dock, part: str) -> str:
    """The part that a page would fetch anew until the run has ended."""

    def ended() -> str | None:
        found = re.search(r'hx-get="([^"]+)"', latest[0])
        if found is None:
            return latest[0]
        latest[0] = requests.get(dock.url + found[1], timeout=60).text
        return None

    latest = [part]
    return dock.eventually(ended)


@pytest.mark.parametrize("way", ["task", "execution", "invocation", "event"])
def test_an_event_is_given_in_each_way_and_its_answer_shown(dock: Dock, way: str) -> None:
    dock.deploy_handler(handler)

    shown = follow(dock, attempt(dock, way, '{"wood": "oak"}'))

    assert "&#34;wood&#34;: &#34;oak&#34;" in shown
    assert "complete" in shown
    assert "REPORT RequestId" in shown


@pytest.mark.parametrize("way", ["task", "execution", "invocation", "event"])
def test_an_error_of_the_function_is_an_answer_too(dock: Dock, way: str) -> None:
    dock.deploy_handler(handler)

    shown = follow(dock, attempt(dock, way, '{"fails": true}'))

    assert "ValueError" in shown
    assert "no &lt;b&gt;wood&lt;/b&gt;" in shown


def test_an_api_request_is_what_the_fields_say(dock: Dock) -> None:
    dock.deploy_handler(handler)

    shown = attempt(dock, "api", method="PUT", path="legs/a b?of=oak", headers="X-A: 1\n\nx-a: 2")

    assert "/legs/a%20b?of=oak" in shown
    run = dock.call("GET", "/runs", base="/taskdock").json()["data"][-1]
    of_request = dock.call("GET", f"/runs?requestId={run['requestId']}", base="/taskdock").json()
    assert of_request["data"] == [run]
    assert run["event"]["headers"]["x-a"] == "1,2"
    assert run["event"]["requestContext"]["http"]["method"] == "PUT"


@pytest.mark.parametrize(
    ("way", "given", "words"),
    [
        ("task", {"event": "{"}, "the event is no JSON: it ends too early, at line 1, column 2"),
        ("execution", {"event": "[1]"}, "the data of a task is a JSON object"),
        ("invocation", {"event": "{,}"}, "the event is no JSON: line 1, column 2"),
        ("event", {"event": "nothing"}, "the event is no JSON"),
        ("event", {"event": f'"{"x" * 1024 * 1024}"'}, "the event has 1048578 bytes, over 1048576"),
        ("api", {"headers": "no header"}, "is no header, such as Accept: text/html"),
    ],
)
def test_what_cannot_be_run_is_refused_where_it_happened(
    dock: Dock, way: str, given: dict[str, str], words: str
) -> None:
    dock.deploy_handler(handler)

    assert words in attempt(dock, way, **given).replace("&#39;", "'")


@pytest.mark.parametrize("way", ["execution", "invocation", "event"])
def test_a_disabled_function_is_refused(dock: Dock, way: str) -> None:
    dock.deploy_handler(handler)
    dock.call("POST", f"/functions/{TABLE}/disable")

    assert "is disabled" in attempt(dock, way)


def test_a_retry_is_followed_to_its_end(dock: Dock) -> None:
    dock.deploy_handler(handler, retryPolicy={"enabled": True})

    shown = attempt(dock, "task", '{"fails": true}')

    found = re.search(r'hx-get="([^"]+)"', shown)
    assert found is not None

    def retried() -> bool:
        return "retried" in requests.get(dock.url + found[1], timeout=60).text

    assert dock.eventually(retried)


def test_a_form_works_without_a_script(dock: Dock) -> None:
    dock.deploy_handler(handler)

    data = {"way": "execution", "event": '{"wood": "ash"}'}
    answer = post(dock, f"/ui/functions/{TABLE}/try", data)

    assert answer.status_code == 200
    assert "<h1>walnut-table" in answer.text
    assert "&#34;wood&#34;: &#34;ash&#34;" in answer.text


def test_a_function_named_like_a_part_has_its_page(dock: Dock) -> None:
    dock.deploy_handler(handler, "deploy")

    assert "<h1>deploy" in requests.get(f"{dock.url}/ui/functions/deploy", timeout=60).text
    assert requests.get(f"{dock.url}/ui/functions/none", timeout=60).status_code == 404
    assert post(dock, "/ui/functions/none/try", {}).status_code == 404


def test_where_no_run_is_kept_there_is_an_answer_all_the_same(dock: Dock) -> None:
    dock.deploy_handler(handler)
    dock.emulator.tasks.history._most = 0

    for way in ("execution", "invocation"):
        assert "&#34;wood&#34;" in attempt(dock, way, '{"wood": "elm"}')
    assert "no &lt;b&gt;wood" in attempt(dock, "invocation", '{"fails": true}')


def test_the_event_of_a_run_is_loaded(dock: Dock) -> None:
    dock.deploy_handler(handler, executionOptions={"permissionMode": "public"})
    follow(dock, attempt(dock, "execution", '{"wood": "oak"}'))
    assert dock.get(f"/api/{TABLE}/chairs?wood=elm").ok
    api, execution = dock.call("GET", "/runs", base="/taskdock").json()["data"][-2:]
    if api["kind"] != "api":
        api, execution = execution, api

    def editor(run: str) -> str:
        return requests.get(f"{dock.url}/ui/functions/{TABLE}/try?run={run}", timeout=60).text

    shown = editor(execution["id"])
    assert re.search(r'value="execution" checked', shown)
    assert re.search(r"<textarea id=\"event\"[^>]*>{\n  &#34;wood&#34;: &#34;oak&#34;\n}<", shown)
    shown = editor(api["id"])
    assert re.search(r'value="api" checked', shown)
    assert 'name="path" value="/chairs?wood=elm"' in shown
    assert "there is no run" in editor("0" * 24)
