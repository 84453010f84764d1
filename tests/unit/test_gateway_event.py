"""The event that an API function receives, for every part of a request."""

from __future__ import annotations

import base64
from datetime import datetime, timezone
from typing import Any

import pytest

from taskdock.identity.account import NOBODY, Account
from taskdock.tasks.api_functions.gateway_event import GatewayRequest, to_event

ID = "65f0c0ffee65f0c0ffee65f0"
NOW = datetime(2025, 4, 14, 22, 13, 56, 836000, tzinfo=timezone.utc)


def event_of(*, caller: Account = NOBODY, **request: Any) -> dict[str, Any]:
    given = {"method": "GET", "headers": {}, **request}
    return to_event(GatewayRequest(**given), caller, id=ID, now=NOW)


def body_of(content_type: str | None, body: bytes) -> tuple[str, bool]:
    headers = {} if content_type is None else {"content-type": content_type}
    event = event_of(method="POST", headers=headers, body=body)
    return event["body"], event["isBase64Encoded"]


def test_a_plain_request_is_this_event() -> None:
    request = GatewayRequest(
        method="GET",
        path="/tables/7",
        query="legs=4",
        headers={"host": "localhost:8080", "user-agent": "curl/8.5.0", "accept": "*/*"},
        source_ip="172.17.0.1",
    )

    assert to_event(request, NOBODY, id=ID, now=NOW) == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/tables/7",
        "rawQueryString": "?legs=4",
        "headers": {
            "accept": "*/*",
            "content-length": "0",
            "host": "localhost:8080",
            "user-agent": "curl/8.5.0",
            "x-forwarded-for": "172.17.0.1",
            "x-forwarded-port": "8080",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"legs": "4"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "taskdock",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": "GET",
                "path": "/tables/7",
                "protocol": "HTTP/1.1",
                "sourceIp": "172.17.0.1",
                "userAgent": "curl/8.5.0",
            },
            "requestId": ID,
            "routeKey": "$default",
            "stage": "$default",
            "time": "14/Apr/2025:22:13:56 +0000",
            "timeEpoch": 1744668836836,
        },
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    "path", ["/", "/a%20b", "/a%2Fb/c", "/%25", "//a//", "/a/../b", "/n%C3%BC"]
)
def test_a_path_stays_as_the_caller_encoded_it(path: str) -> None:
    event = event_of(path=path)

    assert event["rawPath"] == event["requestContext"]["http"]["path"] == path


@pytest.mark.parametrize(
    ("query", "raw", "parameters"),
    [
        ("", "", None),
        ("a=1", "?a=1", {"a": "1"}),
        ("a=1&b=2&a=3", "?a=1&b=2&a=3", {"a": "1,3", "b": "2"}),
        ("a=x%20y+z", "?a=x%20y+z", {"a": "x y z"}),
        ("flag&empty=", "?flag&empty=", {"flag": "", "empty": ""}),
        ("n%C3%BC=%F0%9F%8C%B3", "?n%C3%BC=%F0%9F%8C%B3", {"nü": "🌳"}),
        ("bad=%FF%zz", "?bad=%FF%zz", {"bad": "\ufffd%zz"}),
        ("?", "??", {"?": ""}),
        ("&&", "?&&", None),
    ],
)
def test_a_query_is_given_raw_with_its_question_mark_and_decoded(
    query: str, raw: str, parameters: dict[str, str] | None
) -> None:
    event = event_of(query=query)

    assert event["rawQueryString"] == raw
    assert event.get("queryStringParameters") == parameters


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("session=abc", ["session=abc"]),
        ("session=abc; theme=dark", ["session=abc", "theme=dark"]),
        ("a=1;b=2;", ["a=1", "b=2"]),
    ],
)
def test_cookies_are_a_list_and_no_header(header: str, cookies: list[str]) -> None:
    event = event_of(headers={"cookie": header})

    assert event["cookies"] == cookies
    assert "cookie" not in event["headers"]


def test_without_cookies_there_is_no_list() -> None:
    assert "cookies" not in event_of()


@pytest.mark.parametrize(
    "name",
    [
        "connection",
        "cookie",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-exh-requesting-application-id",
        "x-exh-requesting-user-id",
    ],
)
def test_headers_of_the_connection_are_left_out(name: str) -> None:
    headers = event_of(headers={name: "walnut", "x-wood": "oak"})["headers"]

    assert headers.keys() & {name, "x-wood"} == {"x-wood"}


@pytest.mark.parametrize("name", ["accept", "authorization", "date", "range", "via", "x-trailer"])
def test_every_other_header_is_given(name: str) -> None:
    assert event_of(headers={name: "walnut"})["headers"][name] == "walnut"


def test_who_is_asking_cannot_be_forged_by_names_that_are_the_same_to_wsgi() -> None:
    forged = {"x_exh_requesting_user_id": "boss", "x-exh_requesting-application_id": "boss"}

    assert "boss" not in event_of(headers=forged)["headers"].values()


@pytest.mark.parametrize("name", ["auth_id", "x-my_token", "_", "x_wood"])
def test_a_name_with_an_underscore_is_a_name_like_others(name: str) -> None:
    assert event_of(headers={name: "oak"})["headers"][name] == "oak"


def test_callers_before_this_one_are_kept_before_it() -> None:
    headers = {"x-forwarded-for": "203.0.113.7, 10.0.0.1", "x-forwarded-proto": "https"}

    seen = event_of(headers=headers, source_ip="172.17.0.1")["headers"]

    assert seen["x-forwarded-for"] == "203.0.113.7, 10.0.0.1, 172.17.0.1"
    assert seen["x-forwarded-proto"] == "http"


@pytest.mark.parametrize(
    ("host", "port"),
    [("a:8080", "8080"), ("a", "80"), ("", "80"), ("[::1]", "80"), ("[::1]:9", "9"), ("a:b", "80")],
)
def test_the_port_is_that_which_was_called(host: str, port: str) -> None:
    assert event_of(headers={"host": host})["headers"]["x-forwarded-port"] == port


def test_the_length_is_that_of_the_body() -> None:
    event = event_of(method="POST", body=b"1234", headers={"content-length": "9"})

    assert event["headers"]["content-length"] == "4"


def test_who_is_asking_is_told_in_headers() -> None:
    headers = event_of(caller=Account(user_id="a" * 24, application_id="b" * 24))["headers"]

    assert headers["x-exh-requesting-user-id"] == "a" * 24
    assert headers["x-exh-requesting-application-id"] == "b" * 24


def test_who_is_asking_cannot_be_forged() -> None:
    forged = {"x-exh-requesting-user-id": "boss", "x-exh-requesting-application-id": "boss"}

    assert "boss" not in event_of(headers=forged)["headers"].values()
    assert "boss" not in event_of(headers=forged, caller=Account(user_id="me"))["headers"].values()


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/html; charset=utf-8",
        "TEXT/CSV",
        "application/json",
        "application/json;charset=utf-8",
        "application/xml",
        "application/javascript",
    ],
)
def test_text_is_given_as_it_is(content_type: str) -> None:
    assert body_of(content_type, "Nußbaum 🌳".encode()) == ("Nußbaum 🌳", False)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "image/png",
        "application/jsonp",
    ],
)
def test_anything_else_is_base64(content_type: str | None) -> None:
    assert body_of(content_type, b"a=1") == (base64.b64encode(b"a=1").decode(), True)


def test_text_that_is_not_utf8_is_base64_so_that_nothing_is_lost() -> None:
    assert body_of("text/plain; charset=latin-1", b"n\xfc") == ("bvw=", True)


def test_without_a_body_there_is_none() -> None:
    event = event_of(method="POST", headers={"content-type": "application/octet-stream"})

    assert "body" not in event
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("host", "name", "prefix"),
    [
        ("localhost:8080", "localhost", "localhost"),
        ("tables.example.com", "tables.example.com", "tables"),
        ("[::1]:8080", "[::1]", "[::1]"),
        ("[::1]", "[::1]", "[::1]"),
        ("[fe80::1:2]:80", "[fe80::1:2]", "[fe80::1:2]"),
        ("", "", ""),
    ],
)
def test_the_domain_is_the_host_without_its_port(host: str, name: str, prefix: str) -> None:
    context = event_of(headers={"host": host} if host else {})["requestContext"]

    assert (context["domainName"], context["domainPrefix"]) == (name, prefix)
