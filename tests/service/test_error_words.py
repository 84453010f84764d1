"""The words of the API's errors: each names the field or parameter, the value that was sent and the
values that are allowed, and none has a word of a library.

The requests are made of the declarations of the endpoints, so that a new endpoint is asked, too.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from taskdock.base import strict_json
from taskdock.base.errors import CallerError
from taskdock.web.common import complaints
from taskdock.web.common.requests import Wire, read
from tests.support.builders import Dock, Json
from tests.support.endpoints import OPERATIONS
from tests.support.people import administrator

ID = "67a1f0c2d3e4f5a6b7c8d9e0"
BY_MODEL = {name: each for name, each in OPERATIONS.items() if each.body is not None}
QUERIED = {name: each for name, each in OPERATIONS.items() if each.query is not None}
OWN_READING = "POST /taskdock/doubles"
"""Its body is read by the rules of doubles, which have tests of their own."""
WRONG: tuple[Any, ...] = (
    *("walnut", "", "x" * 500, 0, -7, 1.5, 2**70, True, False, None),
    *([], {}, [1], [None], [{}], ["walnut"], {"walnut": 1}, {"A": {}}, {"A": {"value": 5}}),
)
NO_OBJECTS = [
    (b"{", "the body is not JSON: it ends too early, at line 1, column 2"),
    (
        b"{a: 1}",
        "the body is not JSON: line 1, column 2: a name in double quotes belongs here, not 'a'",
    ),
    (b'{"a": 1,}', "the body is not JSON: line 1, column 8: the last comma has nothing after it"),
    (b"[\n1,\n]", "the body is not JSON: line 2, column 2: the last comma has nothing after it"),
    (b'{"a" 1}', "the body is not JSON: line 1, column 6: a colon belongs here, not '1'"),
    (
        b'{"a": Ada}',
        "the body is not JSON: line 1, column 7: 'Ada' is no value; text needs double quotes",
    ),
    (
        b'{"a": 1} x',
        "the body is not JSON: line 1, column 10: the JSON has ended, but there is more: 'x'",
    ),
    (b'"\xff"', "the body is not JSON: byte 2 is not UTF-8"),
    (b"[]", "the body has to be a JSON object, not an empty list"),
    (b"7", "the body has to be a JSON object, not 7"),
    (b'{"a": NaN}', "the body is not JSON: NaN is not JSON"),
]
WRONG_RQL = (
    *("walnut(id,new)", "eq(id)", "eq(id", "limit(x)", "limit(0)", "sort()", "and(", "or()"),
    *("like(id)", "in(id)", "eq(id,number:x)", "eq(id,date:x)", "eq(id,cast:x)", "contains()"),
    *("%FF", "eq(id,%25FF)", "limit(1", "gt(id,x,y)", "eq(eq(id,1),2)", "limit(99999999999)"),
    *("skipCount(1)", ")", "eq(id,a b)", "walnut"),
)
LIBRARY_WORDS = re.compile(
    r"Input should|should be|should have|Field required|Value error|valid (?:string|integer|number"
    r"|boolean|list|dictionary|datetime)|type=|pydantic|dictionary|instance of|NoneType|Traceback"
    r"|object has no attribute|Expecting|Extra data|char \d|delimiter|codec|werkzeug|Flask"
    r"|browser|spelling|requested URL|server could not understand|pattern|regex|SELECT|sqlite"
    r"|peewee|Errno|<class|\bint\(|\bfloat\(|base64-encoded|padding|unpack",
)


def paths_of(model: type[Wire]) -> Iterator[tuple[str, ...]]:
    """The paths of all fields of a model, those of models inside it too."""
    schema = model.model_json_schema(by_alias=True)

    def inside(field: Json, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if path:
            yield path
        for member in complaints.alternatives(schema, field):
            for name, inner in member.get("properties", {}).items():
                yield from inside(inner, (*path, name))
            more = member.get("additionalProperties")
            if isinstance(more, dict):
                yield from inside(more, (*path, "A"))

    return inside(schema, ())


def body_with(path: tuple[str, ...], value: Any, example: Json) -> Json:
    name, *rest = path
    if not rest:
        return {**example, name: value}
    within = example.get(name)
    return {
        **example,
        name: body_with(tuple(rest), value, within if isinstance(within, dict) else {}),
    }


def concrete(path: str) -> str:
    return re.sub(r"\{[^}]*\}", ID, path)


@pytest.mark.parametrize("operation", [name for name in BY_MODEL if name != OWN_READING])
def test_a_wrong_field_is_named_with_the_value_that_was_sent(shared: Dock, operation: str) -> None:
    endpoint, boss = BY_MODEL[operation], administrator(shared)
    method, path = operation.split(" ")
    model = endpoint.body
    assert model is not None

    for field in paths_of(model):
        for value in WRONG:
            body = body_with(field, value, endpoint.example or {})
            if is_accepted(model, body):  # the request would be carried out
                continue
            answer = boss.ask(method, concrete(path), body)
            message = answer.json()["message"]
            if answer.status_code == 404:  # it is looked for before the body is read
                continue
            assert answer.status_code == 400, (field, value, message)
            assert not LIBRARY_WORDS.search(message), message
            assert ".".join(field) in message, (field, value, message)
            if not isinstance(value, (list, dict, type(None))):
                assert strict_json.shown(value, ".".join(field)) in message


def is_accepted(model: type[Wire], body: Json) -> bool:
    try:
        read(model, json.dumps(body).encode())
    except CallerError:
        return False
    return True


@pytest.mark.parametrize("operation", list(BY_MODEL))
def test_a_body_that_is_no_json_object_is_told_where_it_is_wrong(
    shared: Dock, operation: str
) -> None:
    method, path = operation.split(" ")
    boss = administrator(shared)

    for body, said in NO_OBJECTS:
        answer = boss.ask(method, concrete(path), data=body)

        assert not LIBRARY_WORDS.search(answer.json()["message"])
        if answer.status_code != 404:  # it is looked for before the body is read
            assert (answer.status_code, answer.json()["code"]) == (400, 22)
            assert answer.json()["message"] == said


@pytest.mark.parametrize("operation", list(QUERIED))
def test_a_wrong_query_is_told_in_words_of_rql(shared: Dock, operation: str) -> None:
    method, path = operation.split(" ")
    boss, body = administrator(shared), QUERIED[operation].example

    for query in WRONG_RQL:
        answer = boss.ask(method, f"{concrete(path)}?{query}", body)

        assert (answer.status_code, answer.json()["code"]) == (400, 19), query
        assert answer.json()["message"].startswith("RQL: ")
        assert not LIBRARY_WORDS.search(answer.json()["message"])


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/taskdock/runs?limit=0", "limit: '0' is no whole number from 1 to 1000"),
        ("/taskdock/runs?since=-1", f"since: '-1' is no whole number from 0 to {2**63 - 1}"),
        ("/taskdock/runs?failed=maybe", "failed: 'maybe' is neither true nor false"),
        (
            f"/taskdock/tasks/{ID}/wait?timeout=soon",
            "timeout: 'soon' is no number of seconds from 0 to 900",
        ),
        (
            f"/taskdock/tasks/{ID}/wait?timeout=nan",
            "timeout: 'nan' is no number of seconds from 0 to 900",
        ),
        (
            "/taskdock/doubles/calls?unmatched=maybe",
            "unmatched: 'maybe' is neither true nor false",
        ),
        ("/users/v1/email_available", "required and missing: email"),
        (
            "/taskdock/runs/walnut",
            "'walnut' is not an id: ids are 24 hexadecimal digits in lower case",
        ),
        (
            "/tasks/v1/functions/good/logs",
            "RQL: both eventTimestamp>=... and eventTimestamp<=... are needed here",
        ),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value_and_the_allowed_ones(
    shared: Dock, path: str, said: str
) -> None:
    answer = administrator(shared).ask("GET", path)

    assert (answer.status_code, answer.json()["message"]) == (400, said)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        (
            "GET",
            "/tasks/v2/",
            404,
            "there is no such endpoint; GET /docs lists those that there are",
        ),
        (
            "PATCH",
            "/tasks/v1/",
            405,
            "this path is called by GET, HEAD, OPTIONS or POST, not by PATCH",
        ),
        ("GET", "/taskdock/reset", 405, "this path is called by OPTIONS or POST, not by GET"),
    ],
)
def test_a_path_or_a_method_that_there_is_not_is_told_what_there_is(
    shared: Dock, method: str, path: str, status: int, said: str
) -> None:
    answer = administrator(shared).ask(method, path)

    assert answer.status_code == status
    assert answer.json()["message"] == f"{method} {path}: {said}"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("WALNUT", "it does not begin with a method, such as GET, and a path"),
        (
            "GET /a b HTTP/1.1",
            "its first line does not end in HTTP/1.1; a space in the path is written as %20",
        ),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: walnut", "its Transfer-Encoding is not chunked"),
        ("GET /\xff HTTP/1.1", "its path has a character that has to be percent-encoded"),
        (
            "GET / HTTP/1.1\r\nContent-Length: walnut",
            "its Content-Length is no number, or stands beside a Transfer-Encoding",
        ),
        (
            "GET / HTTP/1.1\r\nA wood: oak",
            "one of its headers has a character that no header has there",
        ),
    ],
    ids=["method", "version", "coding", "path", "length", "header"],
)
def test_what_is_hardly_http_is_told_why(shared: Dock, head: str, said: str) -> None:
    with socket.create_connection(("127.0.0.1", shared.emulator.port), 10) as connection:
        connection.sendall(head.encode("latin-1") + b"\r\nHost: localhost\r\n\r\n")
        with http.client.HTTPResponse(connection) as response:
            response.begin()
            answer = json.loads(response.read())

    assert answer["message"] == f"the request cannot be read: {said}"


def test_everything_that_is_wrong_with_a_body_is_told_at_once(shared: Dock) -> None:
    body = {
        "name": 3,
        "timeLimit": "30",
        "memoryLimit": 5,
        "environmentVariables": {"A": "s3cret", "B": {"value": 5}},
        "executionOptions": {"permissionMode": "everyone"},
    }

    answer = administrator(shared).ask("POST", "/tasks/v1/functions", body)

    assert answer.json()["message"] == (
        "required and missing: code, entryPoint, runtime; timeLimit has to be a whole number from 3"
        ' to 300, not "30"; memoryLimit has to be a whole number from 128 to 10240, not 5;'
        " environmentVariables.A has to be an object with value, not text of length 6;"
        " environmentVariables.B.value has to be text, not a number;"
        " executionOptions.permissionMode has to be permissionRequired, allUsers or public, not"
        ' "everyone"; name has to be text, not 3'
    )
    assert administrator(shared).get("/tasks/v1/functions")["data"] == []


def test_missing_fields_do_not_hide_wrong_ones(shared: Dock) -> None:
    answer = administrator(shared).ask("POST", "/tasks/v1/schedules", {"interval": 0})

    assert answer.json() == {
        "code": 14,
        "name": "MISSING_REQUIRED_FIELDS_EXCEPTION",
        "message": "required and missing: functionName; interval has to be a number from 0.1 to"
        " 315360000, not 0",
    }


def test_fields_that_are_missing_because_others_are_do_not_hide_either(shared: Dock) -> None:
    boss = administrator(shared)

    function = boss.ask("POST", "/tasks/v1/functions", {"timeLimit": 1, "runtime": "python3.11"})
    subscription = boss.ask("POST", "/events/v1/subscriptions", {"eventTypes": []})

    assert function.json()["message"] == (
        "required and missing: name, code, entryPoint; timeLimit has to be a whole number from 3 to"
        " 300, not 1"
    )
    assert subscription.json()["message"] == (
        "required and missing: functionName, or url for a webhook; eventTypes has to be a list of"
        " one or more texts, not an empty list"
    )


def test_no_secret_is_repeated(shared: Dock) -> None:
    boss = administrator(shared)

    for path, body in [
        ("/users/v1/register", {"password": "walnut"}),
        ("/auth/v2/oauth1/tokens", {"email": "a@example.com", "password": 871234}),
        ("/auth/v2/oauth2/tokens", {"grant_type": "x", "client_secret": 871234}),
        ("/tasks/v1/functions", {"environmentVariables": {"A": "walnut"}}),
    ]:
        message = boss.ask("POST", path, body).json()["message"]

        assert not re.search("walnut|871234", message)
