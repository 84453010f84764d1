"""HTTP APIs with payload format 2.0, fact by fact, as API functions follow them.

A name begins with the section that the fact belongs to: 7.1 the event, 7.2 the response, 7.3
routes. Where the Task Service is no API Gateway, its contract wins: such a test says "By contract",
and what AWS does instead. What the contract leaves open and is not as on AWS is "Differs".
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Sequence
from datetime import datetime
from http.client import HTTPMessage
from typing import Any, NamedTuple

import pytest

from taskdock.testing.task_client import Json
from tests.support.live_dock import Deployed, LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

PLAIN = ("Content-Type", "text/plain")
_MAX_BODY = 6_291_456

# At /answer its result is the request's body, byte for byte; elsewhere it shows its event.
_CODE = """import json, time

def handler(event, context):
    if event["rawPath"] == "/answer":
        return event["body"].encode()
    if event["rawPath"] == "/fail":
        raise ValueError("no legs")
    if event["rawPath"] == "/sleep":
        time.sleep(60)
    return {"statusCode": 200, "body": json.dumps(event)}
"""


class Reply(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def refusal(self) -> tuple[int, int]:
        """The status and the Task Service's code."""
        said = json.loads(self.body)
        assert said.keys() >= {"code", "name", "message"}
        return self.status, said["code"]


class Site:
    """One API function, and requests to it as they are written here."""

    def __init__(self, live: LiveDock) -> None:
        self.live = live
        self.function: Deployed = live.deploy("python3.11", _CODE, time_limit=3)
        self.host = f"localhost:{live.emulator.port}"

    def ask(
        self, target: str, method: str = "GET", body: bytes = b"", headers: Sequence[Any] = ()
    ) -> Reply:
        """Sends these headers and no others but Host and, with a body, Content-Length."""
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            path = f"/tasks/v1/api/{self.function.name}{target}"
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def event(self, target: str = "/", *args: Any, **fields: Any) -> Json:
        reply = self.ask(target, *args, **fields)
        assert reply.status == 200, reply
        event: Json = json.loads(reply.body)
        return event

    def answer(self, output: bytes, *headers: tuple[str, str]) -> Reply:
        """What becomes of this as the function's result."""
        return self.ask("/answer", "POST", output, [PLAIN, *headers])

    def respond(self, *headers: tuple[str, str], **response: Any) -> Reply:
        return self.answer(json.dumps({"statusCode": 200, **response}).encode(), *headers)


@pytest.fixture(scope="module")
def site(live: LiveDock) -> Site:
    return Site(live)


# 7.1 The event


def test_7_1_a_plain_request_has_these_keys_and_no_others(site: Site) -> None:
    """Not pathParameters, stageVariables, authorizer and authentication: they say nothing."""
    event = site.event("/tables/7")

    assert event.keys() == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }
    assert event["requestContext"].keys() == {
        "accountId",
        "apiId",
        "domainName",
        "domainPrefix",
        "http",
        "requestId",
        "routeKey",
        "stage",
        "time",
        "timeEpoch",
    }


def test_7_1_the_version_is_2_0(site: Site) -> None:
    assert site.event()["version"] == "2.0"


def test_7_1_the_context_tells_of_the_http_request(site: Site) -> None:
    http_part = site.event("/a?b=1", "PATCH", headers=[("User-Agent", "saw/1.0")])[
        "requestContext"
    ]["http"]

    assert http_part.pop("sourceIp") in ("127.0.0.1", "::1")
    assert http_part == {
        "method": "PATCH",
        "path": "/a",
        "protocol": "HTTP/1.1",
        "userAgent": "saw/1.0",
    }


def test_7_1_the_context_tells_where_the_request_went(site: Site) -> None:
    context = site.event()["requestContext"]

    assert (context["domainName"], context["domainPrefix"]) == ("localhost", "localhost")
    assert (context["accountId"], context["apiId"]) == ("000000000000", "taskdock")


def test_7_1_the_time_is_told_twice(site: Site) -> None:
    context = site.event()["requestContext"]

    assert re.fullmatch(
        r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"], re.ASCII
    )
    time = datetime.strptime(context["time"], "%d/%b/%Y:%H:%M:%S %z")
    assert int(time.timestamp()) == context["timeEpoch"] // 1000


@pytest.mark.parametrize("path", ["/users/12%203", "/a%2Fb", "/%F0%9F%8C%B2", "/%25", "//a/../b"])
def test_7_1_the_path_is_given_as_it_was_sent(site: Site, path: str) -> None:
    """Differs: an HTTP API decodes it; a function URL does not, nor does taskdock."""
    event = site.event(path)

    assert event["rawPath"] == event["requestContext"]["http"]["path"] == path


@pytest.mark.parametrize("target", ["", "/", "?a=1"])
def test_7_1_without_a_path_it_is_a_slash(site: Site, target: str) -> None:
    assert site.event(target)["rawPath"] == "/"


def test_7_1_the_stage_is_no_part_of_the_path(site: Site) -> None:
    """By contract the path begins behind the function's name."""
    event = site.event("/dev/pets")

    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/dev/pets", "$default")


def test_7_1_the_query_is_given_as_it_was_sent(site: Site) -> None:
    """By contract it begins with a "?", which AWS leaves out."""
    event = site.event("/?tag=a&tag=b%20c+d&x=%C3%A9?")

    assert event["rawQueryString"] == "?tag=a&tag=b%20c+d&x=%C3%A9?"


def test_7_1_without_a_query_it_is_empty_and_there_are_no_parameters(site: Site) -> None:
    event = site.event("/a")

    assert event["rawQueryString"] == ""
    assert "queryStringParameters" not in event


def test_7_1_parameters_are_decoded_and_repeated_ones_joined(site: Site) -> None:
    event = site.event("/?tag=a&flag=&tag=b%20c+d&%C3%A9=%F0%9F%8C%B2")

    assert event["queryStringParameters"] == {"tag": "a,b c d", "flag": "", "é": "🌲"}


def test_7_1_names_of_headers_are_in_lower_case(site: Site) -> None:
    headers = site.event(headers=[("X-Wood", "Oak"), ("ACCEPT", "*/*")])["headers"]

    assert (headers["x-wood"], headers["accept"]) == ("Oak", "*/*")
    assert [name for name in headers if name != name.lower()] == []


def test_7_1_repeated_headers_are_joined(site: Site) -> None:
    given = [("X-Wood", "oak"), ("x-wood", "pine, ash"), ("X-WOOD", "elm")]

    assert site.event(headers=given)["headers"]["x-wood"] == "oak,pine, ash,elm"


def test_7_1_cookies_are_a_list_and_no_header(site: Site) -> None:
    event = site.event(headers=[("Cookie", "session=abc123; theme=dark")])

    assert event["cookies"] == ["session=abc123", "theme=dark"]
    assert "cookie" not in event["headers"]


def test_7_1_without_cookies_there_is_no_list(site: Site) -> None:
    assert "cookies" not in site.event()


@pytest.mark.parametrize(("body", "length"), [(b"", "0"), (b"1234", "4")])
def test_7_1_the_length_is_always_told(site: Site, body: bytes, length: str) -> None:
    assert site.event("/", "POST", body)["headers"]["content-length"] == length


def test_7_1_these_headers_are_added_and_no_others(site: Site) -> None:
    """By contract two say who is asking. Differs: no x-amzn-trace-id."""
    headers = site.event()["headers"]

    local = site.live.emulator.directory.local.administrator
    assert headers.pop("x-forwarded-for") in ("127.0.0.1", "::1")
    assert headers == {
        "content-length": "0",
        "host": site.host,
        "x-forwarded-port": site.host.partition(":")[2],
        "x-forwarded-proto": "http",
        "x-exh-requesting-user-id": local.user_id,
        "x-exh-requesting-application-id": local.application_id,
    }


def test_7_1_who_is_asking_cannot_be_forged(site: Site) -> None:
    """By contract: AWS has no such headers."""
    forged = [
        ("X-Exh-Requesting-User-Id", "boss"),
        ("X-Exh-Requesting-Application-Id", "boss"),
        ("X_Exh_Requesting_User_Id", "boss"),
    ]

    assert "boss" not in json.dumps(site.event(headers=forged))


def test_7_1_the_request_id_names_the_api_request(site: Site) -> None:
    """By contract requests are recorded. AWS's id has another form and is a header, too."""
    reply = site.ask("/who")

    request_id = json.loads(reply.body)["requestContext"]["requestId"]
    (record,) = site.live.service.get(f"/apiRequests?eq(id,{request_id})")["data"]
    assert record["path"] == "who"
    assert re.fullmatch("[0-9a-f]{24}", request_id)
    assert "Apigw-Requestid" not in reply.headers


def test_7_1_without_a_body_there_is_none(site: Site) -> None:
    event = site.event("/", "POST", headers=[("Content-Type", "application/octet-stream")])

    assert "body" not in event
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/csv; charset=utf-8",
        "application/json",
        "application/json; charset=utf-8",
        "application/xml",
        "application/javascript",
    ],
)
def test_7_1_text_comes_as_text(site: Site, content_type: str) -> None:
    event = site.event("/", "POST", "Nußbaum 🌲".encode(), [("Content-Type", content_type)])

    assert (event["body"], event["isBase64Encoded"]) == ("Nußbaum 🌲", False)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "image/png",
    ],
)
def test_7_1_anything_else_comes_as_base64(site: Site, content_type: str | None) -> None:
    headers = [("Content-Type", content_type)] if content_type else []

    event = site.event("/", "POST", b"a=1&b=2", headers)

    assert (event["body"], event["isBase64Encoded"]) == ("YT0xJmI9Mg==", True)


def test_7_1_a_body_of_more_than_6_mb_is_413(site: Site) -> None:
    """By contract in the Task Service's form; AWS's is {"message":"Request Entity Too Large"}."""
    refused = site.ask("/", "POST", b"x" * (_MAX_BODY + 1), [PLAIN])

    assert refused.refusal[0] == 413


# 7.2 The response


def test_7_2_an_object_with_a_status_is_the_response(site: Site) -> None:
    reply = site.respond(
        statusCode=201, headers={"Content-Type": "text/html", "X-Wood": "oak"}, body="<p>Nußbaum"
    )

    assert (reply.status, reply.body) == (201, "<p>Nußbaum".encode())
    assert (reply.headers["content-type"], reply.headers["x-wood"]) == ("text/html", "oak")


@pytest.mark.parametrize(
    "output",
    [
        b'"test"',
        b"7",
        b"true",
        b"[1, 2]",
        b"null",
        b"not JSON",
        b'{"body": "x", "headers": {"x-wood": "oak"}}',
    ],
)
def test_7_2_anything_else_is_refused(site: Site, output: bytes) -> None:
    """By contract 1409; AWS makes a response of it, 200 and application/json."""
    assert site.answer(output).refusal == (400, 1409)


def test_7_2_without_a_content_type_it_is_json(site: Site) -> None:
    """By contract; AWS's HTTP API says text/plain, its function URLs application/json."""
    assert site.respond(body="x").headers["content-type"] == "application/json"


def test_7_2_a_body_that_is_no_string_is_sent_as_json(site: Site) -> None:
    """By contract; AWS's format has strings only."""
    assert json.loads(site.respond(body={"legs": [4]}).body) == {"legs": [4]}


@pytest.mark.parametrize("status", [200.5, 0])
def test_7_2_a_status_that_is_none_is_an_error(site: Site, status: float) -> None:
    """By contract 1409; AWS answers 500 {"message":"Internal Server Error"}."""
    assert site.respond(statusCode=status).refusal == (400, 1409)


@pytest.mark.parametrize("status", [100, 199, 500, 503])
def test_7_2_a_status_is_from_200_to_499(site: Site, status: int) -> None:
    """By contract; AWS passes a 500 on."""
    assert site.respond(statusCode=status).refusal == (400, 1409)


@pytest.mark.parametrize("accept", ["image/png", "text/plain"])
@pytest.mark.parametrize("content_type", ["image/png", "text/plain"])
def test_7_2_base64_is_always_decoded(site: Site, accept: str, content_type: str) -> None:
    body = base64.b64encode(bytes(range(256))).decode()

    reply = site.respond(
        ("Accept", accept), headers={"content-type": content_type}, body=body, isBase64Encoded=True
    )

    assert reply.body == bytes(range(256))


def test_7_2_what_is_not_base64_is_an_error(site: Site) -> None:
    """By contract 1409."""
    assert site.respond(body="?", isBase64Encoded=True).refusal == (400, 1409)


def test_7_2_each_cookie_is_a_header(site: Site) -> None:
    reply = site.respond(cookies=["a=1; Path=/", "b=2"])

    assert reply.headers.get_all("set-cookie") == ["a=1; Path=/", "b=2"]


def test_7_2_there_are_no_headers_of_many_values(site: Site) -> None:
    reply = site.respond(multiValueHeaders={"x-wood": ["oak", "ash"]})

    assert reply.status == 200
    assert "x-wood" not in reply.headers


def test_7_2_a_list_is_no_value_of_a_header(site: Site) -> None:
    """By contract 1409; AWS answers 500 {"message":"Internal Server Error"}."""
    assert site.respond(headers={"x-wood": ["oak", "ash"]}).refusal == (400, 1409)


def test_7_2_the_functions_word_on_the_connection_is_ignored(site: Site) -> None:
    """By contract."""
    reply = site.respond(headers={"connection": "upgrade", "content-length": "99"}, body="four")

    assert reply.headers.get_all("content-length") == ["4"]
    assert reply.headers["connection"] != "upgrade"


def test_7_2_a_function_error_is_told(site: Site) -> None:
    """By contract 1406, with the error; AWS answers 500 {"message":"Internal Server Error"}."""
    reply = site.ask("/fail")

    assert reply.refusal == (400, 1406)
    assert json.loads(reply.body)["runtimeError"] == {"name": "ValueError", "message": "no legs"}


def test_7_2_a_time_out_is_told(site: Site) -> None:
    """By contract 1406; AWS answers 503 {"message":"Service Unavailable"} after 30 s."""
    reply = site.ask("/sleep")

    assert reply.refusal == (400, 1406)
    assert json.loads(reply.body)["runtimeError"]["name"] == "Sandbox.Timedout"


def test_7_2_a_function_has_30_seconds_at_most(live: LiveDock, site: Site) -> None:
    """By contract 1411, at once; AWS waits for 30 s."""
    slow = Site(live)
    live.emulator.catalog.update(slow.function.name, time_limit=31)

    assert slow.ask("/").refusal == (400, 1411)


def test_7_2_an_answer_of_more_than_6_mb_is_an_error(live: LiveDock) -> None:
    """By contract 1406, with Lambda's error; AWS answers 500."""
    code = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'x' * 6_291_556}\n"
    function = live.deploy("python3.11", code)

    reply = live.service.call("GET", f"/api/{function.name}/")

    assert (reply.status_code, reply.json()["code"]) == (400, 1406)
    assert reply.json()["runtimeError"]["name"] == "Function.ResponseSizeTooLarge"


def test_7_2_where_there_is_no_function_is_404(live: LiveDock) -> None:
    """By contract 16, in the Task Service's form; AWS's is {"message":"Not Found"}."""
    reply = live.service.call("GET", "/api/no-such/")

    assert (reply.status_code, reply.json()["code"]) == (404, 16)


def test_7_2_date_and_length_are_added_and_the_connection_is_kept(site: Site) -> None:
    """Differs: Connection is left to HTTP/1.1, where it says keep-alive by being absent."""
    connection = http.client.HTTPConnection(site.host, timeout=60)
    try:
        for _ in range(2):
            connection.request("GET", f"/tasks/v1/api/{site.function.name}/")
            reply = connection.getresponse()
            body = reply.read()

            assert reply.headers["content-length"] == str(len(body))
            assert reply.headers["date"].endswith(" GMT")
            assert (reply.headers["connection"] or "keep-alive").lower() == "keep-alive"
            assert not reply.will_close
    finally:
        connection.close()


# 7.3 Routes


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_7_3_every_method_and_path_is_the_default_route(site: Site, method: str) -> None:
    """By contract a function has every path behind its name: there are no routes to choose from."""
    event = site.event("/pets/dog/1", method)

    assert event["requestContext"]["http"]["method"] == method
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "$default"
