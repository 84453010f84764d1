"""The Task Service over plain HTTP, as somebody with curl and its documentation would use it."""

from __future__ import annotations

import base64
import re

import pytest

from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.support.live import LiveServer, ask, zipped

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PYTHON = """
def handler(task, context):
    print("Greeting", task["data"]["name"])
    if task["data"]["name"] == "nobody":
        raise KeyError("there is nobody to greet")
    return {"greeting": "Hello " + task["data"]["name"], "id": task["id"]}
"""
NODE = """
exports.handler = async (task) => {
  console.log('Greeting', task.data.name);
  if (task.data.name === 'nobody') throw new RangeError('there is nobody to greet');
  return { greeting: `Hello ${task.data.name}`, id: task.id };
};
"""
LANGUAGES = {
    "curl-python": ("python3.11", "index.py", PYTHON, "KeyError", "'there is nobody to greet'"),
    "curl-node": ("nodejs20.x", "index.js", NODE, "RangeError", "there is nobody to greet"),
}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def url(server: LiveServer) -> str:
    return f"{server.service.url}/tasks/v1"


@pytest.fixture(scope="module", params=sorted(LANGUAGES))
def name(request: pytest.FixtureRequest, url: str) -> str:
    """A function that was deployed with one POST."""
    runtime, file, code, *_ = LANGUAGES[request.param]
    answer = ask(
        "POST",
        f"{url}/functions",
        json={
            "name": request.param,
            "description": "greets",
            "code": base64.b64encode(zipped({file: code})).decode(),
            "entryPoint": "index.handler",
            "runtime": runtime,
            "timeLimit": 10,
            "memoryLimit": 256,
        },
    )
    assert answer.status_code == 200, answer.text
    return str(request.param)


def test_a_function_is_shown_without_its_code(url: str, name: str) -> None:
    shown = _get(f"{url}/functions/{name}")

    assert TIMESTAMP.fullmatch(shown.pop("updateTimestamp"))
    assert shown == {
        "name": name,
        "description": "greets",
        "entryPoint": "index.handler",
        "runtime": LANGUAGES[name][0],
        "timeLimit": 10,
        "memoryLimit": 256,
        "environmentVariables": {},
        "retryPolicy": {"enabled": False, "errorsToRetry": []},
        "executionOptions": {"permissionMode": "permissionRequired"},
        "enabled": True,
    }


def test_a_new_task_has_every_field_of_the_documentation(url: str, name: str) -> None:
    given = {"data": {"name": "Ada"}, "tags": ["a", "b"], "priority": 3}

    task = _post(f"{url}/", {"functionName": name, **given})

    assert re.fullmatch(r"[0-9a-f]{24}", task["id"])
    assert {key: task[key] for key in given} == given
    assert (task["functionName"], task["status"]) == (name, "new")
    for field in ("status", "start", "creation", "update"):
        stamp = task["statusChangedTimestamp" if field == "status" else f"{field}Timestamp"]
        assert TIMESTAMP.fullmatch(stamp)


def test_a_task_completes_and_has_a_log(url: str, name: str) -> None:
    task = _post(f"{url}/", {"functionName": name, "data": {"name": "Ada"}})

    ended = _ended(url, task["id"])

    assert ended["status"] == "complete"
    assert "error" not in ended
    assert ended["statusChangedTimestamp"] >= task["statusChangedTimestamp"]
    page = _get(f"{url}/{task['id']}/logs")
    assert page["page"] == {"offset": 0, "limit": 100}
    assert all(line.keys() == {"timestamp", "message"} for line in page["data"])
    assert all(TIMESTAMP.fullmatch(line["timestamp"]) for line in page["data"])
    assert sum(line["message"].endswith("Greeting Ada") for line in page["data"]) == 1


def test_a_task_that_fails_says_why(url: str, name: str) -> None:
    task = _post(f"{url}/", {"functionName": name, "data": {"name": "nobody"}})

    ended = _ended(url, task["id"])

    *_, error, message = LANGUAGES[name]
    assert ended["status"] == "failed"
    assert ended["error"] == {"type": "runtime", "name": error, "message": message}


def test_a_direct_execution_waits_for_the_result(url: str, name: str) -> None:
    task = _post(f"{url}/functions/{name}/execute", {"data": {"name": "Ada"}})

    assert task["status"] == "complete"
    assert task["result"]["greeting"] == "Hello Ada"
    assert task["result"]["id"] == task["id"]
    assert "result" not in _get(f"{url}/?eq(id,{task['id']})")["data"][0]


def test_a_direct_execution_that_fails_is_refused(url: str, name: str) -> None:
    answer = ask("POST", f"{url}/functions/{name}/execute", json={"data": {"name": "nobody"}})

    *_, error, message = LANGUAGES[name]
    assert answer.status_code == 400
    said = answer.json()
    assert (said["code"], said["name"]) == (1406, "LAMBDA_RUNTIME_EXCEPTION")
    assert said["runtimeError"] == {"name": error, "message": message}
    assert _get(f"{url}/?eq(id,{said['taskId']})")["data"][0]["status"] == "failed"


def test_a_task_for_an_unknown_function_fails_at_its_invocation(url: str) -> None:
    task = _post(f"{url}/", {"functionName": "nobody-deployed-this"})

    error = _ended(url, task["id"])["error"]

    assert error["type"] == "invocation"
    assert "nobody-deployed-this" in error["message"]


def test_a_task_that_waits_can_be_canceled_once(url: str, name: str) -> None:
    later = "2999-01-01T00:00:00.000Z"
    task = _post(f"{url}/", {"functionName": name, "startTimestamp": later})

    first = ask("POST", f"{url}/{task['id']}/cancel")
    second = ask("POST", f"{url}/{task['id']}/cancel")

    assert (first.status_code, first.json()) == (200, {"affectedRecords": 1})
    assert (second.status_code, second.json()["code"]) == (400, 27)
    assert _get(f"{url}/?eq(id,{task['id']})")["data"][0]["status"] == "canceled"


@pytest.mark.parametrize(
    ("call", "body", "status", "code"),
    [
        ("POST /", None, 400, 13),
        ("POST /", "{}", 400, 14),
        ("POST /", "not JSON", 400, 22),
        ("POST /", '{"functionName": "f", "priority": "high"}', 400, 15),
        ("GET /?eq(status", None, 400, 19),
        ("GET /functions/unknown", None, 404, 16),
        ("GET /0123456789abcdef01234567/logs", None, 404, 16),
        ("POST /0123456789abcdef01234567/cancel", None, 404, 16),
        ("POST /short/cancel", None, 400, 12),
        ("POST /functions", '{"name": "a b", "code": "", "entryPoint": "m.h"}', 400, 14),
        ("PATCH /functions", "{}", 404, 11),
    ],
)
def test_a_mistake_is_answered_with_code_name_and_message(
    url: str, call: str, body: str | None, status: int, code: int
) -> None:
    method, _, path = call.partition(" ")
    answer = ask(method, url + path, data=body)

    assert answer.status_code == status, answer.text
    said = answer.json()
    assert said["code"] == code
    assert said.keys() >= {"code", "name", "message"}


def test_a_deleted_function_leaves_its_tasks_and_logs(url: str) -> None:
    code = base64.b64encode(zipped({"index.py": "def handler(*_): print('once')"})).decode()
    function = {"name": "short-lived", "runtime": "python3.11", "entryPoint": "index.handler"}
    _post(f"{url}/functions", {**function, "code": code})
    task = _post(f"{url}/functions/short-lived/execute", {})

    deleted = ask("DELETE", f"{url}/functions/short-lived")

    assert deleted.json() == {"affectedRecords": 1}
    assert _get(f"{url}/?eq(id,{task['id']})")["data"][0]["status"] == "complete"
    assert "once" in [line["message"] for line in _get(f"{url}/{task['id']}/logs")["data"]]


def _get(url: str) -> Json:
    answer = ask("GET", url)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def _post(url: str, body: Json) -> Json:
    answer = ask("POST", url, json=body)
    assert answer.status_code == 200, answer.text
    made: Json = answer.json()
    return made


def _ended(url: str, task_id: str) -> Json:
    def ended() -> Json | None:
        task: Json = _get(f"{url}/?eq(id,{task_id})")["data"][0]
        return task if task["status"] not in ("new", "inProgress") else None

    task = eventually(ended, f"the end of {task_id}")
    assert task is not None
    return task
