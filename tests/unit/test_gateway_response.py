"""What an API function returns, and the HTTP response or the refusal that it becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from taskdock.base.errors import BadApiResult, FunctionFailed, InvocationFailed
from taskdock.lambdas.outcome import Answer, function_error, not_started, stopped, timed_out
from taskdock.tasks.api_functions.gateway_response import GatewayResponse, to_response

JSON = ("content-type", "application/json")
PRINTABLE = """azAZ09_ :;.,/"'?!(){}[]@<>=-+*#$&`|~^%"""


def respond(**result: Any) -> GatewayResponse:
    return to_response(Answer(json.dumps({"statusCode": 200, **result}).encode()))


def test_a_whole_answer_is_sent_as_it_is() -> None:
    response = respond(
        statusCode=201, headers={"Content-Type": "text/plain", "X-Wood": "oak"}, body="Nußbaum"
    )

    assert response == GatewayResponse(
        status=201,
        headers=(("Content-Type", "text/plain"), ("X-Wood", "oak")),
        body="Nußbaum".encode(),
    )


def test_a_status_is_enough() -> None:
    assert respond() == GatewayResponse(status=200, headers=(JSON,), body=b"")


@pytest.mark.parametrize("status", [200, 204, 302, 404, 499, 200.0])
def test_these_statuses_are_sent(status: float) -> None:
    assert respond(statusCode=status).status == status


@pytest.mark.parametrize(
    "status", [None, "200", "", True, 0, -200, 100, 199, 500, 200.5, 1e300, [200], {}], ids=repr
)
def test_any_other_status_is_refused(status: Any) -> None:
    with pytest.raises(BadApiResult, match="statusCode"):
        respond(statusCode=status)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b'"text"',
        b"[]",
        b"200",
        b"{}",
        b'{"body": "x"}',
        b"not JSON",
        b"\xff",
        b'{"statusCode": 200, "body": NaN}',
        b"[" * 100_000,
    ],
    ids=lambda answer: str(answer[:20]),
)
def test_anything_but_an_object_with_a_status_is_refused(answer: bytes) -> None:
    with pytest.raises(BadApiResult):
        to_response(Answer(answer))


@pytest.mark.parametrize("headers", [[], "a: b", 1, False, ["a"]], ids=repr)
def test_headers_that_are_no_object_are_refused(headers: Any) -> None:
    with pytest.raises(BadApiResult, match="headers"):
        respond(headers=headers)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a\n", "x.y"], ids=repr)
def test_a_headers_name_with_anything_but_letters_digits_and_lines_is_refused(name: str) -> None:
    with pytest.raises(BadApiResult, match="name"):
        respond(headers={name: "x"})


@pytest.mark.parametrize("value", [1, None, True, ["a"], {}], ids=repr)
def test_a_headers_value_that_is_no_string_is_refused(value: Any) -> None:
    with pytest.raises(BadApiResult, match="string"):
        respond(headers={"x-wood": value})


@pytest.mark.parametrize("value", ["ä", "a\nb", "a\r\nset-cookie: x", "\t", "\\", "\x00", "\n"])
def test_a_headers_value_with_anything_unprintable_is_refused(value: str) -> None:
    with pytest.raises(BadApiResult, match="not allowed"):
        respond(headers={"x-wood": value})


@pytest.mark.parametrize("value", ["", PRINTABLE, "A" * 5000])
def test_a_printable_value_is_sent(value: str) -> None:
    assert respond(headers={"X_wood-1": value}).headers == (("X_wood-1", value), JSON)


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "content-length",
        "keep-alive",
        "Proxy-Authenticate",
        "proxy-authorization",
        "TE",
        "trailer",
        "Trailers",
        "Transfer-Encoding",
        "upgrade",
    ],
)
@pytest.mark.parametrize("value", ["close", 5, None])
def test_what_the_server_says_itself_is_ignored(name: str, value: Any) -> None:
    assert respond(headers={name: value}).headers == (JSON,)


def test_each_cookie_is_a_header() -> None:
    response = respond(cookies=["a=1; Path=/", "b=2"], headers={"set-cookie": "c=3"})

    cookies = [value for name, value in response.headers if name == "set-cookie"]
    assert cookies == ["c=3", "a=1; Path=/", "b=2"]


@pytest.mark.parametrize("cookies", ["a=1", {}, [1], [None], ["a\nb"], False], ids=repr)
def test_cookies_that_are_no_list_of_strings_are_refused(cookies: Any) -> None:
    with pytest.raises(BadApiResult):
        respond(cookies=cookies)


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("text", b"text"),
        ("", b""),
        (None, b""),
        ({"legs": 4, "wood": "Nußbaum"}, '{"legs": 4, "wood": "Nußbaum"}'.encode()),
        ([1, 2], b"[1, 2]"),
        (4, b"4"),
        (False, b"false"),
        ({}, b"{}"),
    ],
    ids=repr,
)
def test_a_body_is_text_and_all_else_json(body: Any, sent: bytes) -> None:
    assert respond(body=body).body == sent


@pytest.mark.parametrize(("body", "sent"), [("AP8=", b"\x00\xff"), ("", b"")])
def test_a_base64_body_is_decoded(body: str, sent: bytes) -> None:
    assert respond(body=body, isBase64Encoded=True).body == sent


@pytest.mark.parametrize(
    "body", ["?", "AP8", "AP8=x", "ä", "AP 8=", None, 5, {}, ["AP8="]], ids=repr
)
def test_a_base64_body_that_is_none_is_refused(body: Any) -> None:
    with pytest.raises(BadApiResult, match="ase64"):
        respond(body=body, isBase64Encoded=True)


@pytest.mark.parametrize("encoded", ["true", 1, 0, []], ids=repr)
def test_whether_it_is_base64_is_a_boolean(encoded: Any) -> None:
    with pytest.raises(BadApiResult, match="boolean"):
        respond(body="AP8=", isBase64Encoded=encoded)


@pytest.mark.parametrize("name", ["headers", "body", "cookies", "isBase64Encoded"])
def test_null_is_as_if_it_was_left_out(name: str) -> None:
    assert respond(**{name: None}) == respond()


@pytest.mark.parametrize(
    ("failure", "name"),
    [
        (function_error(b'{"errorType": "Glue", "errorMessage": "dry"}'), "Glue"),
        (timed_out("id", 3), "Sandbox.Timedout"),
    ],
)
def test_a_failure_of_the_function_is_told_as_such(failure: Any, name: str) -> None:
    with pytest.raises(FunctionFailed) as refusal:
        to_response(failure)

    assert refusal.value.error_name == name
    assert refusal.value.error_message == failure.message
    assert refusal.value.task_id is None


@pytest.mark.parametrize("failure", [not_started("NoCapacity", "no room"), stopped()])
def test_a_function_that_did_not_start_is_told_as_such(failure: Any) -> None:
    with pytest.raises(InvocationFailed, match=failure.name):
        to_response(failure)
