"""Each operation of the service's published API description answers as it says there.

The description has no required fields and allows others, so that nearly everything would be valid;
here, an answer may have no field that the description does not name, and every field that it
names is in some answer. Where it is followed otherwise is in DIFFERENCES.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft4Validator, FormatChecker
from requests import Response

from taskdock.base import ids
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.functions import runtimes
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.service.conftest import StopLater
from tests.support.builders import Dock, Gate, Json

PUBLISHED: Json = json.loads((Path(__file__).parents[1] / "data/tasks-1.4.0.json").read_text())

DIFFERENCES = {
    # what: (in the description, here)
    "GET /functions/{functionName}": ("a paged result", "the function itself"),
    "Runtime": ("ten runtimes of 2021", "every runtime of AWS Lambda"),
    "Task.error": ("not named", "{type, name, message} of a failed task"),
    "TaskWithResult.result": ("an object", "any JSON value that the function returned"),
    "ExecutionOptions.defaultPriority": ("not named", "the priority of tasks that name none"),
    "FunctionDetails.image": ("not named", "taskdock's own: functions made of container images"),
    "1408 in GET /{taskId}/logs": ("an example with code 1409", "1408"),
    "1406 in /api/{functionName}/*": ("with a taskId", "without: there is no task"),
    "/apiRequests": ("not described", "served, with the logs of requests"),
    "errors": (
        "each operation names some",
        "every operation may answer 10, 12 to 22 and 104 to 118",
    ),
}
"""Where the description is older than the contract, or wrong. docs/task-service.md has the same."""

ID = "0123456789abcdef01234567"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time")
def is_time(value: object) -> bool:
    return not isinstance(value, str) or TIME.fullmatch(value) is not None


def corrected() -> Json:
    """The description with the differences."""
    api = deepcopy(PUBLISHED)
    schemas = api["components"]["schemas"]
    schemas["Runtime"]["enum"] = list(runtimes.known())
    del schemas["TaskWithResult"]["properties"]["result"]["type"]
    schemas["ExecutionOptions"]["properties"]["defaultPriority"] = {"type": "integer"}
    schemas["FunctionDetails"]["properties"]["image"] = {"type": "string"}
    names = {name: {"type": "string"} for name in ("type", "name", "message")}
    schemas["Task"]["properties"]["error"] = {"type": "object", "properties": names}
    told = {name: {"type": "string"} for name in ("name", "message")}
    schemas["ErrorResponse"]["properties"]["taskId"] = {"type": "string"}
    schemas["ErrorResponse"]["properties"]["runtimeError"] = {"type": "object", "properties": told}
    details = {"$ref": "#/components/schemas/FunctionDetails"}
    api["paths"]["/functions/{functionName}"]["get"]["200"]["schema"] = details
    return api


API = corrected()
OPERATIONS = [
    (path, method, status)
    for path, methods in API["paths"].items()
    for method, answers in methods.items()
    for status in answers
    if status != "default"
]
NAMED_ERRORS = [
    (path, method, status, error)
    for path, method, status in OPERATIONS
    for error in API["paths"][path][method][status].get("errors", ())
]


def schema_of(path: str, method: str, status: str) -> Json:
    answer = API["paths"][path][method][status]
    schema = answer.get("schema", {"$ref": "#/components/schemas/ErrorResponse"})
    return {**closed(schema), "components": {"schemas": API["components"]["schemas"]}}


def fields(schema: Json) -> Iterator[tuple[str, Json]]:
    """The fields that a schema names, wherever it got them from."""
    if "$ref" in schema:
        schema = API["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for part in schema.get("allOf", ()):
        yield from fields(part)
    yield from schema.get("properties", {}).items()


def closed(schema: Json) -> Json:
    """`schema`, for nothing but what it names; free where it names nothing (a task's data)."""
    named = dict(fields(schema))
    if named:
        shown = {name: closed(field) for name, field in named.items()}
        return {"type": "object", "properties": shown, "additionalProperties": False}
    if "items" in schema:
        return {"type": "array", "items": closed(schema["items"])}
    if "additionalProperties" in schema:
        return {"type": "object", "additionalProperties": closed(schema["additionalProperties"])}
    return schema


def named_in(schema: Json) -> set[str]:
    """The fields that a closed schema names, at any depth."""
    found = {*schema.get("properties", {})}
    items = [schema["items"]] if "items" in schema else []
    for below in [*schema.get("properties", {}).values(), *items]:
        found |= named_in(below)
    return found


def given_in(value: Any) -> set[str]:
    """The fields of an answer, at any depth."""
    if isinstance(value, list):
        return {name for each in value for name in given_in(each)}
    if isinstance(value, dict):
        return {*value} | {name for each in value.values() for name in given_in(each)}
    return set()


# A server on which everything has happened that an answer can show


def fall(event: Any, runtime: FakeRuntime) -> None:
    raise ValueError("it fell")


def answer(event: Any, runtime: FakeRuntime) -> Any:
    return {"statusCode": 200, "body": "oak"}


DAILY = {"functionName": "good", "interval": 86400.0, "data": {"rings": 7}, "priority": 1}
LATER = {"functionName": "good", "startTimestamp": "2040-01-01T00:00:00Z"}


class Scene:
    def __init__(self, dock: Dock) -> None:
        self.dock, self.gate = dock, Gate()
        variables = {"LEAF_COLOUR": {"value": "green"}}
        options = {"permissionMode": "public", "defaultPriority": 3}
        more = {"environmentVariables": variables, "executionOptions": options}
        dock.deploy(answer, "good", description="oak", **more)
        dock.deploy(lambda event, runtime: [7], "list")
        dock.deploy(fall, "bad", retryPolicy={"enabled": True})
        dock.deploy(lambda event, runtime: self.gate.pass_(runtime), "slow")
        dock.deploy(answer, "long", timeLimit=31)
        dock.deploy(answer, "off")
        dock.post("/functions/off/disable")
        image = new_function("image", code=None, runtime=None, image="walnut")
        dock.post("/functions", image)
        dock.finish(dock.create_task("nowhere"))
        dock.reach(dock.create_task("bad"), "retried")
        self.done = dock.create_task("good", data={"rings": 7}, tags=["oak"])
        dock.finish(self.done)
        self.waiting = self.new_task()
        self.new_schedule()

    def new_task(self) -> str:
        return str(self.dock.post("/", LATER).json()["id"])

    def new_schedule(self) -> str:
        return str(self.dock.post("/schedules", DAILY).json()["id"])

    def new_function(self) -> str:
        name = f"new-{ids.word()}"
        self.dock.post("/functions", new_function(name))
        return name

    def period(self) -> str:
        now = datetime.now(timezone.utc)
        ends = [to_iso(now + timedelta(hours=off)) for off in (-1, 1)]
        since, until = (quote(quote(end)) for end in ends)
        return f"?ge(eventTimestamp,{since})&le(eventTimestamp,{until})"

    def while_busy(self, method: str, path: str) -> Response:
        """What is answered while the only place for direct executions is taken."""
        with ThreadPoolExecutor() as pool:
            running = pool.submit(self.dock.execute, "slow")
            self.dock.eventually(lambda: self.gate.waiting)
            answer = self.dock.call(method, path)
            self.gate.open()
        assert running.result().ok
        self.gate.waiting = 0
        self.gate.opened.clear()
        return answer


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, stop_later: StopLater) -> Iterator[Scene]:
    dock = Dock(tmp_path_factory.mktemp("published") / "data", direct_concurrency=1)
    yield Scene(dock)
    stop_later(dock)


Call = Callable[[Scene], Response]
FUNCTION = "/functions/{functionName}"
TASK_LOGS = "/{taskId}/logs"

SUCCESSES: dict[tuple[str, str], list[Call]] = {
    ("/", "get"): [lambda s: s.dock.get("/"), lambda s: s.dock.get("/?skipCount()")],
    ("/", "post"): [lambda s: s.dock.post("/", {**LATER, "data": {"a": 1}, "tags": ["oak"]})],
    ("/{taskId}/cancel", "post"): [lambda s: s.dock.post(f"/{s.new_task()}/cancel")],
    (TASK_LOGS, "get"): [lambda s: s.dock.get(f"/{s.done}/logs")],
    ("/functions", "get"): [lambda s: s.dock.get("/functions")],
    ("/functions", "post"): [lambda s: s.dock.post("/functions", new_function("walnut"))],
    (FUNCTION, "get"): [
        lambda s: s.dock.get("/functions/good"),
        lambda s: s.dock.get("/functions/image"),
    ],
    (FUNCTION, "put"): [lambda s: s.dock.put("/functions/good", {"timeLimit": 9})],
    (FUNCTION, "delete"): [lambda s: s.dock.call("DELETE", f"/functions/{s.new_function()}")],
    (f"{FUNCTION}/enable", "post"): [lambda s: s.dock.post("/functions/good/enable")],
    (f"{FUNCTION}/disable", "post"): [lambda s: s.dock.post("/functions/off/disable")],
    (f"{FUNCTION}/execute", "post"): [
        lambda s: s.dock.execute("good", {"rings": 7}),
        lambda s: s.dock.execute("list"),
    ],
    (f"{FUNCTION}/logs", "get"): [lambda s: s.dock.get(f"/functions/good/logs{s.period()}")],
    ("/schedules", "get"): [lambda s: s.dock.get("/schedules")],
    ("/schedules", "post"): [lambda s: s.dock.post("/schedules", DAILY)],
    ("/schedules/{scheduleId}", "delete"): [
        lambda s: s.dock.call("DELETE", f"/schedules/{s.new_schedule()}")
    ],
}

CODE, VARIABLES = {"code": "AAAA"}, {"environmentVariables": {"AWS_REGION": {"value": "x"}}}
ERRORS: dict[tuple[str, str, int], Call] = {
    ("/{taskId}/cancel", "post", 27): lambda s: s.dock.post(f"/{s.done}/cancel"),
    ("/{taskId}/cancel", "post", 16): lambda s: s.dock.post(f"/{ID}/cancel"),
    (TASK_LOGS, "get", 27): lambda s: s.dock.get(f"/{s.waiting}/logs"),
    (TASK_LOGS, "get", 1408): lambda s: s.dock.get(f"/{s.done}/logs?ge(timestamp,2040-01-01)"),
    ("/functions", "post", 1401): lambda s: s.dock.post("/functions", new_function("a", **CODE)),
    ("/functions", "post", 1402): lambda s: s.dock.post(
        "/functions", new_function("a", **VARIABLES)
    ),
    (FUNCTION, "get", 16): lambda s: s.dock.get("/functions/walnuts"),
    (FUNCTION, "put", 16): lambda s: s.dock.put("/functions/walnuts", {}),
    (FUNCTION, "put", 1401): lambda s: s.dock.put("/functions/good", CODE),
    (FUNCTION, "put", 1402): lambda s: s.dock.put("/functions/good", VARIABLES),
    (FUNCTION, "delete", 16): lambda s: s.dock.call("DELETE", "/functions/walnuts"),
    (f"{FUNCTION}/enable", "post", 16): lambda s: s.dock.post("/functions/walnuts/enable"),
    (f"{FUNCTION}/disable", "post", 16): lambda s: s.dock.post("/functions/walnuts/disable"),
    (f"{FUNCTION}/execute", "post", 16): lambda s: s.dock.execute("walnuts"),
    (f"{FUNCTION}/execute", "post", 1403): lambda s: s.while_busy(
        "POST", "/functions/good/execute"
    ),
    (f"{FUNCTION}/execute", "post", 1404): lambda s: s.dock.execute("long"),
    (f"{FUNCTION}/execute", "post", 1405): lambda s: s.dock.execute("off"),
    (f"{FUNCTION}/execute", "post", 1406): lambda s: s.dock.execute("bad"),
    (f"{FUNCTION}/logs", "get", 16): lambda s: s.dock.get(f"/functions/walnuts/logs{s.period()}"),
    ("/schedules/{scheduleId}", "delete", 16): lambda s: s.dock.call("DELETE", f"/schedules/{ID}"),
}
API_FUNCTION = "/api/{functionName}/*"
CULPRITS = {1405: "off", 1406: "bad", 1409: "list", 1411: "long"}


def failing(scene: Scene, path: str, method: str, code: int) -> Response:
    if path != API_FUNCTION:
        return ERRORS[path, method, code](scene)
    if code == 1412:
        return scene.while_busy(method.upper(), "/api/good/")
    return scene.dock.call(method.upper(), f"/api/{CULPRITS[code]}/")


# The tests


@pytest.mark.parametrize(("path", "method"), SUCCESSES)
def test_an_answer_is_as_described(scene: Scene, path: str, method: str) -> None:
    schema = schema_of(path, method, "200")

    answers = [call(scene) for call in SUCCESSES[path, method]]

    for response in answers:
        assert response.status_code == 200, response.text
        Draft4Validator(schema, format_checker=FORMATS).validate(response.json())
    if method == "get":
        assert named_in(schema) <= given_in([response.json() for response in answers])


@pytest.mark.parametrize(("path", "method", "status", "error"), NAMED_ERRORS)
def test_a_named_error_is_as_described(
    scene: Scene, path: str, method: str, status: str, error: str
) -> None:
    code, _, name = error.partition(": ")

    response = failing(scene, path, method, int(code))

    assert response.status_code == int(status)
    if method != "head":  # which has no body
        body = response.json()
        Draft4Validator(schema_of(path, method, status)).validate(body)
        assert (body["code"], body["name"]) == (int(code), name)
        assert body["message"]


@pytest.mark.parametrize("method", API["paths"][API_FUNCTION])
def test_an_api_function_defines_its_answer(scene: Scene, method: str) -> None:
    response = scene.dock.call(method.upper(), "/api/good/leaves")

    assert (response.status_code, response.text) == (200, "" if method == "head" else "oak")


def test_every_operation_is_tried() -> None:
    operations = {(path, method) for path, methods in API["paths"].items() for method in methods}

    assert operations == {*SUCCESSES} | {(API_FUNCTION, m) for m in API["paths"][API_FUNCTION]}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_every_difference_is_in_the_document(what: str) -> None:
    there, here = DIFFERENCES[what]

    document = (Path(__file__).parents[2] / "docs/task-service.md").read_text()

    assert f"| {what} | {there} | {here} |" in document.replace("`", "")
