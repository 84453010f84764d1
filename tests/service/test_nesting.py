"""JSON that is nested as deeply as AWS takes it, and a level deeper, wherever JSON comes in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskdock.base.strict_json import MAX_DEPTH
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.aws import NAME, post, refused
from tests.support.builders import Dock, summary

DEEP = (
    '{"a":' * (MAX_DEPTH - 1) + "1" + "}" * (MAX_DEPTH - 1)
)  # in an object it is as deep as it may


def body(template: str, inner: str = DEEP) -> bytes:
    return template.replace("DEEP", inner).encode()


def depth(value: Any) -> int:
    levels = 0
    while isinstance(value, dict):
        value, levels = value["a"], levels + 1
    return levels


def send(dock: Dock, path: str, text: bytes) -> Any:
    return dock.call("POST", path, data=text, headers={"Content-Type": "application/json"})


@pytest.fixture
def echoing(dock: Dock) -> Dock:
    dock.deploy(lambda event, runtime: depth(event["data"]))
    return dock


def test_an_event_may_be_1000_deep(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: depth(event))

    assert post(dock, body('{"a":DEEP}')).json() == MAX_DEPTH


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_an_event_may_begin_with_a_byte_order_mark_which_the_function_does_not_get(
    dock: Dock, kind: str
) -> None:
    seen: list[bytes] = []
    dock.deploy_program(lambda runtime: keep(runtime, seen), "keeper")

    path = "/2015-03-31/functions/keeper/invocations"
    answer = post(dock, b'\xef\xbb\xbf{"a": 1}', path, **{"X-Amz-Invocation-Type": kind})

    assert answer.status_code == (200 if kind == "RequestResponse" else 202)
    assert dock.eventually(lambda: seen) == [b'{"a": 1}']


def test_a_body_of_the_task_service_may_begin_with_a_byte_order_mark(echoing: Dock) -> None:
    created = send(echoing, "/", b'\xef\xbb\xbf{"functionName": "walnut-table", "data": {"a": 1}}')

    assert created.status_code == 200, created.text


def test_an_event_that_is_a_level_deeper_is_refused_in_awss_words(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda event, runtime: depth(event))

    error = refused(aws.invoke, FunctionName=NAME, Payload=body('{"a":{"a":DEEP}}'))

    assert (error["status"], error["Code"]) == (400, "InvalidRequestContentException")
    assert error["Message"].endswith(
        "Document nesting depth (1001) exceeds the maximum allowed"
        " (1000, from `StreamReadConstraints.getMaxNestingDepth()`)"
    )


def test_the_data_of_a_task_is_kept_shown_and_given_to_the_function(echoing: Dock) -> None:
    text = body('{"functionName": "walnut-table", "data": DEEP}')

    created = send(echoing, "/", text)

    assert created.status_code == 200, created.text
    task = echoing.finish(created.json()["id"])
    assert (task["status"], depth(task["data"])) == ("complete", MAX_DEPTH - 1)
    found = echoing.get("/?eq(data.a.a.b,1)&contains(data)").json()
    assert found["page"]["total"] == 0


def test_a_level_too_many_is_refused_and_says_so(echoing: Dock) -> None:
    text = body('{"functionName": "walnut-table", "data": {"a": DEEP}}')

    response = send(echoing, "/", text)

    assert summary(response) == (400, 22)
    assert "nested more than 1000 deep" in response.json()["message"]


def test_a_direct_execution_takes_it_and_gives_it_back(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: event["data"])

    response = send(dock, "/functions/walnut-table/execute", body('{"data": DEEP}'))

    assert response.status_code == 200, response.text
    assert depth(response.json()["result"]) == MAX_DEPTH - 1


def test_a_failed_task_that_is_tried_again_has_it(dock: Dock) -> None:
    def fail(event: Any, runtime: FakeRuntime) -> None:
        raise ValueError("no")

    dock.deploy(fail, retryPolicy={"enabled": True, "errorsToRetry": []})
    text = body('{"functionName": "walnut-table", "data": DEEP}')

    created = send(dock, "/", text)

    assert created.status_code == 200, created.text
    dock.reach(created.json()["id"], "retried")


def test_a_schedule_keeps_it(echoing: Dock) -> None:
    text = body('{"functionName": "walnut-table", "interval": 3600, "data": DEEP}')

    created = send(echoing, "/schedules", text)

    assert created.status_code == 200, created.text
    (schedule,) = echoing.get("/schedules").json()["data"]
    assert depth(schedule["data"]) == MAX_DEPTH - 1
    (task,) = echoing.eventually(lambda: echoing.get("/").json()["data"])
    assert echoing.finish(task["id"])["status"] == "complete"


def test_an_api_function_may_answer_with_it(dock: Dock) -> None:
    answer = json.loads(body('{"statusCode": 200, "body": DEEP}'))
    dock.deploy(lambda event, runtime: answer)

    assert depth(dock.get("/api/walnut-table").json()) == MAX_DEPTH - 1


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1, 3 * MAX_DEPTH, 100_000])
def test_a_result_of_any_depth_is_a_result(dock: Dock, levels: int) -> None:
    text = b"[" * levels + b"]" * levels
    dock.deploy_program(raw(text))

    invoked = post(dock, b"{}")
    executed = dock.execute(NAME)

    assert (invoked.status_code, invoked.content) == (200, text)
    assert executed.status_code == 200, executed.text
    assert '"result"' in executed.text
    assert summary(dock.get(f"/api/{NAME}")) == (400, 1409)


@pytest.mark.parametrize("levels", [980, 3000, 100_000])
def test_an_errors_type_of_any_depth_is_an_error(dock: Dock, levels: int) -> None:
    text = b'{"errorType":' + b"[" * levels + b"]" * levels + b"}"
    dock.deploy_program(raw(text, "error"))

    assert summary(dock.execute(NAME)) == (400, 1406)


def keep(runtime: FakeRuntime, seen: list[bytes]) -> None:
    """A program that keeps the bytes of the one event that it gets."""
    headers, event = runtime._call("GET", "/invocation/next")
    seen.append(event)
    runtime.answer(1, headers["Lambda-Runtime-Aws-Request-Id"])
    runtime.next()


def raw(text: bytes, path: str = "response") -> Any:
    """A program that answers each invocation with these bytes."""

    def program(runtime: FakeRuntime) -> None:
        while True:
            runtime.next()
            runtime.post(f"/invocation/{runtime.request_id}/{path}", text)

    return program
