"""API functions over HTTP: what the function sees, what it answers, and what is recorded."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from taskdock.base.settings import Settings
from taskdock.testing.clock import ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.web.http.wsgi import THREADS
from tests.service.conftest import StartDock
from tests.support.builders import Dock, Gate, Json, summary

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
LARGEST = 6 * 1024 * 1024


def echo(event: Any, runtime: FakeRuntime) -> Json:
    return {"statusCode": 200, "body": event}


def answer(result: Any) -> Callable[[Any, FakeRuntime], Any]:
    return lambda event, runtime: result


def requests_of(dock: Dock, rql: str = "") -> list[Json]:
    found: list[Json] = dock.get(f"/apiRequests?{rql}").json()["data"]
    return found


def send(dock: Dock, lines: str) -> Json:
    """What a request line and headers are answered that no client library would send."""
    with socket.create_connection(("127.0.0.1", dock.emulator.port), 10) as connection:
        connection.sendall(lines.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()
        with response:
            body: Json = json.load(response)
    return body


def event_of(dock: Dock, path: str, method: str = "GET", **options: Any) -> Json:
    response = dock.call(method, f"/api/walnut-table{path}", **options)
    assert response.status_code == 200, response.text
    event: Json = response.json()
    return event


# The request


@pytest.mark.parametrize("method", METHODS)
def test_a_request_of_each_method_reaches_the_function(dock: Dock, method: str) -> None:
    dock.deploy(echo)

    event = event_of(dock, "/tables/7?legs=4&legs=3", method, headers={"X-Wood": "oak"})

    assert event["requestContext"]["http"]["method"] == method
    assert event["requestContext"]["http"]["sourceIp"] in ("127.0.0.1", "::1")
    assert (event["version"], event["rawPath"]) == ("2.0", "/tables/7")
    assert event["rawQueryString"] == "?legs=4&legs=3"
    assert event["queryStringParameters"] == {"legs": "4,3"}
    assert event["headers"]["x-wood"] == "oak"


def test_head_reaches_the_function_and_has_no_body(dock: Dock) -> None:
    seen: list[str] = []

    def handler(event: Any, runtime: FakeRuntime) -> Json:
        seen.append(event["requestContext"]["http"]["method"])
        return {"statusCode": 200, "headers": {"x-wood": "oak"}, "body": "not sent"}

    dock.deploy(handler)

    response = dock.call("HEAD", "/api/walnut-table/")

    assert (response.status_code, response.content, seen) == (200, b"", ["HEAD"])
    assert (response.headers["x-wood"], response.headers["content-length"]) == ("oak", "8")


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "TABLE"])
def test_other_methods_are_no_endpoints(dock: Dock, method: str) -> None:
    dock.deploy(echo)

    response = dock.call(method, "/api/walnut-table/")

    assert response.json()["name"] == "ENDPOINT_EXCEPTION"
    assert requests_of(dock) == []


@pytest.mark.parametrize(
    ("path", "raw_path", "query"),
    [
        ("", "/", ""),
        ("/", "/", ""),
        ("?a=1", "/", "?a=1"),
        ("/?a=1?b", "/", "?a=1?b"),
        ("/a/b/", "/a/b/", ""),
        ("//a///b", "//a///b", ""),
        ("/a%20b%2Fc%25", "/a%20b%2Fc%25", ""),
        ("/n%C3%BC%0A", "/n%C3%BC%0A", ""),
        ("/a;b=c,d@e:f!$'()*+~", "/a;b=c,d@e:f!$'()*+~", ""),
        ("/../tasks", "/../tasks", ""),
        ("/logs", "/logs", ""),
        ("/%FF", "/%FF", ""),
        ("/a%00b", "/a%00b", ""),
        ("/%", "/%", ""),
        ('/"{}|^\\', '/"{}|^\\', ""),
        ("/a.?", "/a.", ""),
        ("?;a=1;b", "/", "?;a=1;b"),
        ("/a?b=%26%3D+%20", "/a", "?b=%26%3D+%20"),
    ],
)
def test_paths_and_queries_come_as_they_were_sent(
    dock: Dock, path: str, raw_path: str, query: str
) -> None:
    dock.deploy(echo)

    event = send(dock, f"GET /tasks/v1/api/walnut-table{path} HTTP/1.1\nHost: localhost")

    assert (event["rawPath"], event["rawQueryString"]) == (raw_path, query)


def test_a_request_as_proxies_send_it_is_understood(dock: Dock) -> None:
    dock.deploy(echo)

    event = send(dock, "GET http://localhost/tasks/v1/api/walnut-table/a HTTP/1.1\nHost: localhost")

    assert event["rawPath"] == "/a"


@pytest.mark.parametrize("method", ["get", "Get", "POst"])
def test_methods_are_in_capitals(dock: Dock, method: str) -> None:
    dock.deploy(echo)

    refusal = send(dock, f"{method} /tasks/v1/api/walnut-table HTTP/1.1\nHost: localhost")

    assert (refusal["code"], refusal["name"]) == (11, "ENDPOINT_EXCEPTION")


def test_what_is_no_http_is_refused_with_the_reason(dock: Dock) -> None:
    refusal = send(dock, "GET /tasks/v1/api/walnut-table/ü HTTP/1.1\nHost: localhost")

    assert (refusal["code"], refusal["name"]) == (22, "BODY_FORMAT_EXCEPTION")
    assert "a character that has to be percent-encoded" in refusal["message"]


def test_cookies_and_repeated_headers_come_whole(dock: Dock) -> None:
    dock.deploy(echo)
    headers = "Host: localhost:1\nCookie: a=1; b=2\nX-Wood: oak\nx-wood: pine, ash\nX_Wood: mdf"

    event = send(dock, f"GET /tasks/v1/api/walnut-table HTTP/1.1\n{headers}")

    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-wood"] == "oak,pine, ash"
    assert event["headers"]["x_wood"] == "mdf"
    assert event["requestContext"]["domainName"] == "localhost"


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("auth_id: a", "auth_id", "a"),
        ("X-My_Token: b", "x-my_token", "b"),
        ("X-Empty:", "x-empty", ""),
        ("Content-Type:", "content-type", ""),
        ("X-Wide:  \t oak  tree \t ", "x-wide", "oak  tree"),
        ("X-Bytes: Nuß", "x-bytes", "Nuß".encode().decode("latin-1")),
        ("X-Twice: a\nX-Other: b\nX-Twice:\nx-twice: c", "x-twice", "a,,c"),
        ("Expect: something", "expect", "something"),
        ("Content-Encoding: gzip", "content-encoding", "gzip"),
    ],
)
def test_headers_come_as_they_were_sent(dock: Dock, header: str, name: str, value: str) -> None:
    dock.deploy(echo)

    event = send(dock, f"POST /tasks/v1/api/walnut-table HTTP/1.1\nHost: localhost\n{header}")

    assert event["headers"][name] == value


def test_a_header_that_was_not_sent_is_not_there(dock: Dock) -> None:
    dock.deploy(echo)

    event = send(dock, "POST /tasks/v1/api/walnut-table HTTP/1.1\nHost: localhost")

    assert "content-type" not in event["headers"]


def test_cookies_of_several_headers_are_one_list(dock: Dock) -> None:
    dock.deploy(echo)

    event = send(
        dock, "GET /tasks/v1/api/walnut-table HTTP/1.1\nHost: localhost\nCookie: a=1,2\nCookie: b=3"
    )

    assert event["cookies"] == ["a=1,2", "b=3"]


def test_a_compressed_body_is_the_functions_to_unpack(dock: Dock) -> None:
    dock.deploy(echo)
    body = gzip.compress(b"oak")
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}

    event = event_of(dock, "/", "POST", data=body, headers=headers)

    assert base64.b64decode(event["body"]) == body


def test_a_body_of_get_reaches_the_function(dock: Dock) -> None:
    dock.deploy(echo)

    event = event_of(dock, "/", "GET", data="oak", headers={"Content-Type": "text/plain"})

    assert event["body"] == "oak"


@pytest.mark.parametrize("separator", ["-", "_"])
def test_who_is_asking_cannot_be_forged(dock: Dock, separator: str) -> None:
    dock.deploy(echo)
    names = ("X-Exh-Requesting-User-Id", "x-exh-requesting-application-id")
    forged = {name.replace("-", separator): "boss" for name in names}

    event = event_of(dock, "/", headers=forged)

    assert "boss" not in json.dumps(event)


@pytest.mark.parametrize(
    ("content_type", "body", "seen", "encoded"),
    [
        ("application/json", '{"wood": "Nuß"}'.encode(), '{"wood": "Nuß"}', False),
        ("text/plain", b"", None, False),
        ("application/octet-stream", bytes(range(256)), None, True),
        ("application/x-www-form-urlencoded", b"a=1&b=2", "YT0xJmI9Mg==", True),
        (None, b"a=1", "YT0x", True),
    ],
)
def test_a_body_comes_by_its_content_type(
    dock: Dock, content_type: str | None, body: bytes, seen: str | None, encoded: bool
) -> None:
    dock.deploy(echo)

    event = event_of(dock, "/", "POST", data=body, headers={"Content-Type": content_type})

    assert event["isBase64Encoded"] is encoded
    assert seen is None or event["body"] == seen
    assert event["headers"]["content-length"] == str(len(body))


def test_a_body_in_pieces_comes_whole(dock: Dock) -> None:
    dock.deploy(echo)
    pieces = iter([b'{"a":', b" 1}"])

    event = event_of(dock, "/", "POST", data=pieces, headers={"Content-Type": "application/json"})

    assert event["body"] == '{"a": 1}'
    assert "transfer-encoding" not in event["headers"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
def test_a_body_of_6_mb_is_the_largest(dock: Dock, content_type: str) -> None:
    dock.deploy(lambda event, runtime: {"statusCode": 200, "body": len(event["body"])})
    headers = {"Content-Type": content_type}

    fits = dock.call("POST", "/api/walnut-table", data=b"x" * LARGEST, headers=headers)
    refused = dock.call("POST", "/api/walnut-table", data=b"x" * (LARGEST + 1), headers=headers)

    assert fits.json() >= LARGEST
    assert refused.status_code == 413
    assert str(LARGEST) in refused.json()["message"]
    assert [request["statusCode"] for request in requests_of(dock)] == [200, 413]


# The answer


def test_the_answer_is_the_functions(dock: Dock) -> None:
    result = {
        "statusCode": 418,
        "headers": {"X-Wood": "oak", "Content-Type": "text/html", "Connection": "upgrade"},
        "cookies": ["a=1", "b=2; Path=/"],
        "body": "<p>Nußbaum",
    }
    dock.deploy(answer(result))

    response = dock.get("/api/walnut-table")

    assert (response.status_code, response.content) == (418, "<p>Nußbaum".encode())
    assert response.headers["x-wood"] == "oak"
    assert response.headers["content-type"] == "text/html"
    assert response.raw.headers.getlist("set-cookie") == ["a=1", "b=2; Path=/"]
    assert response.headers.get("connection") != "upgrade"


def test_an_answer_without_a_content_type_is_json(dock: Dock) -> None:
    dock.deploy(answer({"statusCode": 200, "headers": {"content-length": "999"}, "body": [1]}))

    response = dock.get("/api/walnut-table")

    assert response.json() == [1]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["content-length"] == "3"


def test_an_answers_own_date_and_server_are_the_only_ones(dock: Dock) -> None:
    date = "Tue, 15 Nov 1994 08:12:31 GMT"
    dock.deploy(answer({"statusCode": 200, "headers": {"Date": date, "server": "oak"}}))

    response = dock.get("/api/walnut-table")

    assert response.raw.headers.getlist("date") == [date]
    assert response.raw.headers.getlist("server") == ["oak"]
    assert len(dock.get("/apiRequests").raw.headers.getlist("date")) == 1


def test_headers_of_an_answer_come_as_they_were_given(dock: Dock) -> None:
    headers = {"X_Wood": "oak", "x-empty": "", "X-Case": "aB", "Set-Cookie": "c=3"}
    dock.deploy(answer({"statusCode": 200, "headers": headers, "cookies": ["a=1", "b=2"]}))

    response = dock.get("/api/walnut-table")

    assert response.headers["x_wood"] == "oak"
    assert response.headers["x-empty"] == ""
    assert response.raw.headers.getlist("set-cookie") == ["c=3", "a=1", "b=2"]
    assert "X-Case" in list(response.raw.headers)


def test_a_redirect_is_passed_on_as_it_is(dock: Dock) -> None:
    dock.deploy(answer({"statusCode": 302, "headers": {"Location": "../a b?x={1}"}}))

    response = dock.call("GET", "/api/walnut-table/x", allow_redirects=False)

    assert (response.status_code, response.headers["location"]) == (302, "../a b?x={1}")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_content_has_none(dock: Dock, status: int) -> None:
    dock.deploy(answer({"statusCode": status, "body": "lost", "headers": {"etag": '"1"'}}))

    response = dock.get("/api/walnut-table")

    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["etag"] == '"1"'


def test_binary_answers_are_decoded(dock: Dock) -> None:
    result = {"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}
    dock.deploy(answer({**result, "headers": {"content-type": "image/png"}}))

    assert dock.get("/api/walnut-table").content == b"\x00\xff"


@pytest.mark.parametrize(
    "result",
    [
        "text",
        None,
        {},
        {"statusCode": "200"},
        {"statusCode": 500},
        {"statusCode": 199},
        {"statusCode": 200, "headers": {"x": 1}},
        {"statusCode": 200, "headers": {"x": "a\r\nb: c"}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
        {"statusCode": 200, "body": {}, "isBase64Encoded": True},
    ],
    ids=str,
)
def test_an_answer_that_is_not_valid_is_an_error(dock: Dock, result: Any) -> None:
    dock.deploy(answer(result))

    response = dock.get("/api/walnut-table")

    assert summary(response) == (400, 1409)
    (request,) = requests_of(dock)
    assert (request["statusCode"], request["error"]["type"]) == (400, "response")
    assert request["error"]["message"] == response.json()["message"]


def test_an_answer_over_6_mb_is_an_error(dock: Dock) -> None:
    dock.deploy(answer({"statusCode": 200, "body": "x" * (LARGEST + 100)}))

    response = dock.get("/api/walnut-table")

    assert summary(response) == (400, 1406)
    assert response.json()["runtimeError"]["name"] == "Function.ResponseSizeTooLarge"


# Refusals


def test_an_error_of_the_function_is_told(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        raise ValueError("a table with three legs")

    dock.deploy(handler)

    response = dock.get("/api/walnut-table")

    assert summary(response) == (400, 1406)
    error = {"name": "ValueError", "message": "a table with three legs"}
    assert response.json()["runtimeError"] == error
    assert "taskId" not in response.json()
    assert requests_of(dock)[0]["error"] == {"type": "runtime", **error}


def test_the_time_limit_ends_a_request(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.hang())
    dock.shorten(time_limit=1)

    response = dock.get("/api/walnut-table")

    assert summary(response) == (400, 1406)
    assert response.json()["runtimeError"]["name"] == "Sandbox.Timedout"


def test_an_unknown_function_is_not_found_and_not_recorded(dock: Dock) -> None:
    assert summary(dock.get("/api/walnut-table/legs")) == (404, 16)
    assert summary(dock.get("/api/walnut%2Ftable")) == (404, 16)
    assert requests_of(dock) == []


@pytest.mark.parametrize("path", ["/api", "/api/", "/api//x", "/api%2Fwalnut-table"])
def test_without_a_name_there_is_no_endpoint(dock: Dock, path: str) -> None:
    response = dock.get(path)

    assert response.status_code == 404
    assert response.json()["name"] == "ENDPOINT_EXCEPTION"


def test_a_disabled_function_is_not_called(dock: Dock) -> None:
    dock.deploy(echo)
    dock.post("/functions/walnut-table/disable")

    assert summary(dock.get("/api/walnut-table")) == (400, 1405)
    (request,) = requests_of(dock)
    assert (request["error"]["type"], request["error"]["name"]) == (
        "invocation",
        "FunctionDisabled",
    )


def test_a_container_that_cannot_start_is_told(dock: Dock) -> None:
    dock.deploy(echo)
    dock.engine.refusal = "no space left on device"

    response = dock.get("/api/walnut-table")

    assert summary(response) == (400, 1405)
    assert "no space left on device" in response.json()["message"]
    assert requests_of(dock)[0]["error"]["type"] == "invocation"


def test_a_time_limit_over_30_seconds_is_refused(dock: Dock) -> None:
    dock.deploy(echo, timeLimit=31)

    refused = dock.get("/api/walnut-table")
    dock.put("/functions/walnut-table", {"timeLimit": 30})

    assert summary(refused) == (400, 1411)
    assert dock.get("/api/walnut-table").status_code == 200


def test_too_many_at_once_are_refused(start_dock: StartDock) -> None:
    dock, gate = start_dock(direct_concurrency=2), Gate()

    def handler(event: Any, runtime: FakeRuntime) -> Json:
        gate.pass_(runtime)
        return {"statusCode": 200}

    dock.deploy(handler)

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(dock.get, "/api/walnut-table") for _ in range(2)]
        dock.eventually(lambda: gate.waiting == 2)
        refused, executed = dock.get("/api/walnut-table"), dock.execute()
        gate.open()

    assert summary(refused) == (400, 1412)
    assert summary(executed) == (400, 1403)
    assert [future.result().status_code for future in running] == [200, 200]
    assert dock.get("/api/walnut-table").status_code == 200


def test_the_places_never_take_every_thread_of_the_server() -> None:
    limits = Settings.model_fields["direct_concurrency"].metadata

    (most,) = [limit.le for limit in limits if hasattr(limit, "le")]

    assert most < THREADS


# What is recorded


def test_a_request_is_recorded(timed_dock: Dock, clock: ManualClock) -> None:
    dock = timed_dock

    def handler(event: Any, runtime: FakeRuntime) -> Json:
        clock.jump(1.5)
        return {"statusCode": 201, "body": event["requestContext"]["requestId"]}

    dock.deploy(handler)

    id = dock.post("/api/walnut-table/tables/7?legs=4", {}).text

    assert requests_of(dock) == [
        {
            "id": id,
            "functionName": "walnut-table",
            "method": "POST",
            "path": "tables/7?legs=4",
            "userId": dock.emulator.directory.local.administrator.user_id,
            "applicationId": dock.emulator.directory.local.administrator.application_id,
            "timestamp": "2026-01-02T12:00:00.000Z",
            "statusCode": 201,
            "duration": 1.5,
        }
    ]
    assert dock.get("/").json()["data"] == []


def test_requests_are_found_by_rql(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: {"statusCode": int(event["rawPath"][1:])})
    answers = [dock.get(f"/api/walnut-table/{status}") for status in (200, 404, 200, 500)]

    assert [answer.status_code for answer in answers] == [200, 404, 200, 400]

    assert [r["path"] for r in requests_of(dock)] == ["200", "404", "200", "500"]
    assert [r["path"] for r in requests_of(dock, "sort(-timestamp)&limit(1,1)")] == ["200"]
    assert [r["path"] for r in requests_of(dock, "statusCode>=400")] == ["404", "500"]
    assert [r["path"] for r in requests_of(dock, "eq(error.type,response)")] == ["500"]
    assert requests_of(dock, "eq(functionName,oak-chair)") == []
    assert requests_of(dock, "select(path)&limit(1)") == [{"path": "200"}]


def test_a_page_of_requests_says_where_it_is(dock: Dock) -> None:
    dock.deploy(echo)
    for _ in range(21):
        dock.get("/api/walnut-table")

    first, last = dock.get("/apiRequests/"), dock.get("/apiRequests?limit(99,20)")

    assert first.json()["page"] == {"total": 21, "offset": 0, "limit": 20}
    assert len(first.json()["data"]) == 20
    assert last.json()["page"] == {"total": 21, "offset": 20, "limit": 50}
    assert len(last.json()["data"]) == 1
    assert summary(dock.get("/apiRequests?eq(wood,oak)")) == (400, 19)


def saying(line: Callable[[Any], str]) -> Callable[[Any, FakeRuntime], Json]:
    """Prints a line, and answers as an API function has to."""

    def handler(event: Any, runtime: FakeRuntime) -> Json:
        runtime.print(line(event))
        return {"statusCode": 200}

    return handler


def test_a_requests_logs_can_be_read(dock: Dock) -> None:
    dock.deploy(saying(lambda event: "sawing"))
    assert dock.get("/api/walnut-table").status_code == 200
    (request,) = requests_of(dock)

    logs = dock.get(f"/apiRequests/{request['id']}/logs").json()

    assert [line["message"].split()[0] for line in logs["data"]] == [
        "INIT_START",
        "START",
        "sawing",
        "END",
        "REPORT",
    ]
    assert logs["page"] == {"offset": 0, "limit": 100}
    assert logs["data"][0].keys() == {"timestamp", "message"}
    later = dock.get(f"/apiRequests/{request['id']}/logs?timestamp>=2999-01-01")
    assert summary(later) == (400, 1413)


def test_logs_of_a_request_that_has_none_are_a_refusal(dock: Dock) -> None:
    dock.deploy(echo)
    dock.post("/functions/walnut-table/disable")
    assert dock.get("/api/walnut-table").status_code == 400
    (request,) = requests_of(dock)

    assert summary(dock.get(f"/apiRequests/{request['id']}/logs")) == (400, 1413)
    assert summary(dock.get(f"/apiRequests/{'a' * 24}/logs")) == (404, 16)
    assert summary(dock.get("/apiRequests/7/logs")) == (400, 12)
    assert summary(dock.get(f"/apiRequests/{request['id']}/logs?eq(message,x)")) == (400, 19)


def test_the_answer_is_given_also_when_it_cannot_be_recorded(dock: Dock) -> None:
    dock.deploy(echo)
    dock.emulator.foundation.store.db.execute_sql("DROP TABLE api_request")

    response = dock.get("/api/walnut-table")

    assert response.status_code == 200
    assert "write_postponed" in [name for name, _ in dock.notices]


def test_requests_and_tasks_use_the_same_warm_environment(dock: Dock) -> None:
    dock.deploy(answer({"statusCode": 200}))

    dock.get("/api/walnut-table")
    dock.finish(dock.create_task())
    dock.get("/api/walnut-table")

    assert len(dock.engine.started) == 1


def test_requests_side_by_side_are_kept_apart(dock: Dock) -> None:
    everyone = threading.Barrier(8, timeout=20)

    def handler(event: Any, runtime: FakeRuntime) -> Json:
        everyone.wait()
        runtime.print(f"table {event['rawPath']}")
        return {"statusCode": 200, "body": event["rawPath"]}

    dock.deploy(handler)

    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda n: dock.get(f"/api/walnut-table/{n}").text, range(8)))

    assert bodies == [f"/{n}" for n in range(8)]
    for request in requests_of(dock):
        lines = dock.get(f"/apiRequests/{request['id']}/logs").json()["data"]
        assert [line["message"] for line in lines][2:-2] == [f"table /{request['path']}"]


# The logs of a function


def logs_of(dock: Dock, since: str, until: str, more: str = "") -> list[str]:
    rql = f"eventTimestamp>={since}&eventTimestamp<={until}{more}"
    body = dock.get(f"/functions/walnut-table/logs?{rql}").json()
    return [line["message"].split()[0] for line in body["data"]]


def test_a_functions_logs_are_those_of_its_tasks_and_requests(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock, retire_after=2 * 3600.0)
    dock.deploy(saying(lambda event: event.get("rawPath", "task")))
    dock.deploy(saying(lambda event: "another"), "oak-chair")
    dock.finish(dock.create_task())
    dock.get("/api/oak-chair")
    dock.jump(3600)
    dock.get("/api/walnut-table/request")

    task = ["INIT_START", "START", "task", "END", "REPORT"]
    request = ["START", "/request", "END", "REPORT"]
    noon, one = "2026-01-02T12:00:00.000Z", "2026-01-02T13:00:00.000Z"
    assert logs_of(dock, noon, one) == [*task, *request]
    assert logs_of(dock, noon, "2026-01-02T12:59:59.999Z") == task
    assert logs_of(dock, one, "2026-01-03T13:00:00.000Z") == request
    assert logs_of(dock, noon, one, "&limit(2,4)") == ["REPORT", "START"]


def test_a_page_of_a_functions_logs_says_where_it_is(timed_dock: Dock) -> None:
    timed_dock.deploy(answer({"statusCode": 200}))
    timed_dock.get("/api/walnut-table")
    rql = "eventTimestamp>=2026-01-02&eventTimestamp<=2026-01-03&limit(1)"

    page = timed_dock.get(f"/functions/walnut-table/logs?{rql}").json()

    assert page["page"] == {"total": 4, "offset": 0, "limit": 1}
    assert page["data"][0].keys() == {"eventTimestamp", "message"}
    assert page["data"][0]["eventTimestamp"] == "2026-01-02T12:00:00.000Z"


def test_a_functions_logs_need_a_period_of_24_hours_at_most(dock: Dock) -> None:
    dock.deploy(echo)
    day = "eventTimestamp>=2026-01-02T12:00:00Z&eventTimestamp<=2026-01-03T12:00:00"

    assert dock.get(f"/functions/walnut-table/logs?{day}Z").json()["data"] == []
    assert summary(dock.get(f"/functions/walnut-table/logs?{day}.001Z")) == (400, 19)
    assert summary(dock.get("/functions/walnut-table/logs")) == (400, 19)
    assert summary(dock.get(f"/functions/oak-chair/logs?{day}Z")) == (404, 16)
