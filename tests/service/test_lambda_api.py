"""AWS's Lambda API: what boto3 gets for an invocation, and who may call."""

from __future__ import annotations

import base64
import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of
from tests.support.addresses import own_address
from tests.support.aws import (
    ARN,
    FUNCTIONS,
    NAME,
    ZIP,
    echo,
    function_logs,
    hang,
    post,
    refused,
)
from tests.support.builders import Dock, Gate, StartDock

Json = dict[str, Any]


# Invoke: RequestResponse


def test_a_function_is_invoked_and_its_result_comes_back(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda event, _: {"sum": event["a"] + event["b"]})

    answer = aws.invoke(FunctionName=NAME, Payload=b'{"a": 1, "b": 2}')

    assert answer["StatusCode"] == 200
    assert json.load(answer["Payload"]) == {"sum": 3}
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert "LogResult" not in answer


def test_the_answer_has_the_headers_of_the_service(dock: Dock) -> None:
    dock.deploy(lambda _, runtime: runtime.request_id)

    answer = post(dock, b"{}")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert answer.headers["x-amzn-RequestId"] == answer.json()
    assert answer.headers["X-Amzn-Trace-Id"].startswith("Root=1-")


def test_the_event_reaches_the_runtime_byte_for_byte(dock: Dock) -> None:
    event = b' {"a" : 1.0e400,\t"b":"\\ud83d \xc3\xa9", "n": 123456789012345678901234567890}\n'
    seen: list[bytes] = []

    def program(runtime: Any) -> None:
        while True:
            headers, body = runtime._call("GET", "/invocation/next")
            runtime.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
            seen.append(body)
            runtime.answer(b'[1,  2 ,"\\u00e9"]')

    dock.deploy_program(program)

    answer = post(dock, event)

    assert seen == [event]
    assert answer.content == b'[1,  2 ,"\\u00e9"]'


@pytest.mark.parametrize(("payload", "event"), [(b"", {}), (b"null", None), (b"7", 7)])
def test_no_payload_is_an_empty_object_and_any_json_is_an_event(
    shared: Dock, shared_aws: Any, payload: bytes, event: Any
) -> None:
    answer = shared_aws.invoke(FunctionName=NAME, Payload=payload)

    assert answer["Payload"].read() == json.dumps(event).encode()


@pytest.mark.parametrize(
    ("reference", "qualifier", "arn"),
    [
        (NAME, None, ARN),
        (f"{NAME}:$LATEST", None, f"{ARN}:$LATEST"),
        (NAME, "$LATEST", f"{ARN}:$LATEST"),
        (f"123456789012:function:{NAME}", None, ARN),
        (f"arn:aws:lambda:eu-west-1:123456789012:function:{NAME}", None, ARN),
        (f"arn:aws:lambda:eu-west-1:123456789012:function:{NAME}:$LATEST", None, f"{ARN}:$LATEST"),
    ],
)
def test_a_function_has_many_names(
    dock: Dock, aws: Any, reference: str, qualifier: str | None, arn: str
) -> None:
    def program(runtime: Any) -> None:
        while True:
            headers, _ = runtime._call("GET", "/invocation/next")
            runtime.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
            runtime.answer(headers["Lambda-Runtime-Invoked-Function-Arn"])

    dock.deploy_program(program)
    more = {} if qualifier is None else {"Qualifier": qualifier}

    answer = aws.invoke(FunctionName=reference, **more)

    assert json.load(answer["Payload"]) == arn


def context_program(runtime: Any) -> None:
    while True:
        headers, _ = runtime._call("GET", "/invocation/next")
        runtime.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        runtime.answer(headers.get("Lambda-Runtime-Client-Context"))


@pytest.mark.parametrize(
    ("text", "handed_on"),
    [
        ('{"custom": {"wood":"oak"}}', '{"custom": {"wood":"oak"}}'),
        ('{\n"wood": "\u00e9"}', '{"wood": "\\u00e9"}'),
    ],
)
def test_the_client_context_is_handed_on_decoded(
    dock: Dock, aws: Any, text: str, handed_on: str
) -> None:
    dock.deploy_program(context_program)

    answer = aws.invoke(FunctionName=NAME, ClientContext=base64_of(text.encode()))

    assert json.load(answer["Payload"]) == handed_on


def test_an_error_of_the_function_is_a_200_with_its_body_unchanged(dock: Dock) -> None:
    body = b'{"errorMessage": "no legs",  "errorType":"ValueError", "stackTrace": []}'
    dock.deploy(lambda _, runtime: runtime.post(f"/invocation/{runtime.request_id}/error", body))

    answer = post(dock, b"{}")

    assert answer.status_code == 200
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert answer.content == body


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (hang, ("Sandbox.Timedout", "Task timed out after 1.00 seconds")),
        (lambda _, runtime: runtime.exit(0), ("Runtime.ExitError", "without providing a reason")),
        (lambda _, runtime: runtime.exit(3), ("Runtime.ExitError", "error: exit status 3")),
        (lambda _, r: r.exhaust_memory(), ("Runtime.OutOfMemory", "error: signal: killed")),
    ],
)
def test_what_the_platform_sees_is_a_function_error_too(
    dock: Dock, aws: Any, handler: Any, error: tuple[str, str]
) -> None:
    dock.deploy(handler)
    aws.update_function_configuration(FunctionName=NAME, Timeout=1)

    answer = aws.invoke(FunctionName=NAME)

    said = json.load(answer["Payload"])
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert list(said) == ["errorType", "errorMessage"]
    assert said["errorType"] == error[0]
    assert said["errorMessage"].startswith("RequestId: ")
    assert said["errorMessage"].endswith(error[1])


def test_the_end_of_the_log_comes_along_when_it_is_asked_for(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda _, runtime: runtime.print("hello from oak"))

    answer = aws.invoke(FunctionName=NAME, LogType="Tail")

    lines = base64.b64decode(answer["LogResult"]).decode().split("\n")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert lines[:3] == [
        f"START RequestId: {request_id} Version: $LATEST",
        "hello from oak",
        f"END RequestId: {request_id}",
    ]
    assert lines[3].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert lines[4:] == [""]


def test_of_a_long_log_the_last_4096_bytes_come(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda _, runtime: [runtime.print("é" * 500) for _ in range(9)] and None)

    tail = base64.b64decode(aws.invoke(FunctionName=NAME, LogType="Tail")["LogResult"])

    assert len(tail) == 4096
    assert b"START" not in tail
    assert tail.endswith(b" ms\t\n")


def test_what_an_invocation_prints_is_in_the_functions_log(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda event, runtime: runtime.print(f"hello {event}"))

    aws.invoke(FunctionName=NAME, Payload=b'"Ada"')

    dock.eventually(lambda: "hello Ada" in function_logs(dock))


def test_a_time_limit_over_30_seconds_is_no_hindrance(dock: Dock, aws: Any) -> None:
    dock.deploy(echo, timeLimit=300)

    assert aws.invoke(FunctionName=NAME)["StatusCode"] == 200


def test_an_event_of_6_mb_is_taken(shared: Dock, shared_aws: Any) -> None:
    event = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'

    answer = shared_aws.invoke(FunctionName=NAME, Payload=event)

    assert len(answer["Payload"].read()) == len(event)


def test_a_dry_run_runs_nothing(dock: Dock, aws: Any) -> None:
    dock.deploy(echo)

    answer = aws.invoke(FunctionName=NAME, InvocationType="DryRun")

    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    assert "ExecutedVersion" not in answer
    assert dock.engine.started == []


# Invoke: what is refused


@pytest.mark.parametrize(
    ("name", "qualifier", "missing"),
    [
        ("no-such", None, "no-such:$LATEST"),
        ("no-such", "7", "no-such:7"),
        (NAME, "prod", f"{NAME}:prod"),
        (f"{NAME}:7", None, f"{NAME}:7"),
    ],
)
def test_a_function_that_is_not_there_is_not_found(
    shared: Dock, shared_aws: Any, name: str, qualifier: str | None, missing: str
) -> None:
    more = {} if qualifier is None else {"Qualifier": qualifier}

    error = refused(shared_aws.invoke, FunctionName=name, **more)

    assert (error["status"], error["Code"]) == (404, "ResourceNotFoundException")
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{missing}"
    assert error["Message"] == f"Function not found: {arn}"
    assert error["body"]["Type"] == "User"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"\x99", "((CTRL-CHAR, code 153)): expected a valid value"),
        (b"oak", "('o' (code 111)): expected a valid value"),
        (b'{"a":\n]', "(']' (code 93)): expected a valid value"),
        (b'{"a"', "Unexpected end-of-input"),
        (b"NaN", "NaN is not JSON"),
        (b"[" * 100_000, "Document nesting depth (1001) exceeds the maximum allowed (1000"),
        (b'"\xff"', "CTRL-CHAR, code 255"),
    ],
)
def test_a_payload_that_is_not_json_is_refused(
    shared: Dock, shared_aws: Any, payload: bytes, said: str
) -> None:
    error = refused(shared_aws.invoke, FunctionName=NAME, Payload=payload)

    assert (error["status"], error["Code"]) == (400, "InvalidRequestContentException")
    assert error["Message"].startswith(
        "Could not parse request body into json: Could not parse payload into json: "
    )
    assert said in error["Message"]
    assert error["body"]["Type"] == "User"


def test_the_words_for_what_is_not_json_are_those_of_aws(shared: Dock, shared_aws: Any) -> None:
    answer = post(shared, b"\x99")

    assert answer.headers["X-Amzn-Errortype"] == "InvalidRequestContentException"
    assert answer.json() == {
        "Type": "User",
        "message": "Could not parse request body into json: Could not parse payload into json:"
        " Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String,"
        " Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: REDACTED"
        " (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]",
    }


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_a_payload_that_is_too_large_is_refused(
    shared: Dock, shared_aws: Any, kind: str, limit: int
) -> None:
    answer = post(shared, b"x" * (limit + 1), X_Amz_Invocation_Type=kind)

    assert answer.status_code == 413
    assert answer.headers["X-Amzn-Errortype"] == "RequestEntityTooLargeException"
    assert answer.json() == {
        "Message": f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    }


def test_too_many_invocations_at_once_are_throttled(start_dock: StartDock) -> None:
    dock, gate = start_dock(direct_concurrency=1), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime))
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(post, dock, b"{}")
        eventually(lambda: gate.waiting)

        answer = post(dock, b"{}")
        gate.open()

        assert first.result().status_code == 200
    assert answer.status_code == 429
    assert answer.headers["X-Amzn-Errortype"] == "TooManyRequestsException"
    assert answer.json() == {
        "Reason": "ConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }


def test_what_cannot_be_started_is_an_error_of_the_service(dock: Dock, aws: Any) -> None:
    dock.deploy(echo)
    dock.engine.refusal = "no such image: walnut:1"

    error = refused(aws.invoke, FunctionName=NAME)

    assert (error["status"], error["Code"]) == (500, "ServiceException")
    assert error["Message"] == "StartFailed: no such image: walnut:1"
    assert error["body"]["Type"] == "Service"


def test_an_invocation_that_the_servers_stop_cuts_off_is_a_503(dock: Dock) -> None:
    dock.deploy(hang)
    with ThreadPoolExecutor(1) as executor:
        cut_off = executor.submit(post, dock, b"{}")
        eventually(lambda: dock.states() == ["busy"])

        dock.emulator.hurry()

        answer = cut_off.result()
    assert answer.status_code == 503
    assert answer.headers["X-Amzn-Errortype"] == "ServiceUnavailableException"


def test_a_disabled_function_is_in_conflict(dock: Dock, aws: Any) -> None:
    dock.deploy(echo)
    dock.post(f"/functions/{NAME}/disable")

    for kind in ("RequestResponse", "Event"):
        error = refused(aws.invoke, FunctionName=NAME, InvocationType=kind)

        assert (error["status"], error["Code"]) == (409, "ResourceConflictException")
    assert aws.get_function_configuration(FunctionName=NAME)["State"] == "Inactive"


@pytest.mark.parametrize("name", ["oak%20table", "a:b:c:d", "oak:"])
def test_what_names_no_function_is_not_valid(shared: Dock, name: str) -> None:
    answer = post(shared, b"{}", f"{FUNCTIONS}/{name}/invocations")

    assert answer.status_code == 400
    assert answer.headers["X-Amzn-Errortype"] == "ValidationException"
    assert "at 'functionName' failed to satisfy constraint" in answer.json()["message"]


def test_two_qualifiers_have_to_be_the_same(shared: Dock, shared_aws: Any) -> None:
    error = refused(shared_aws.invoke, FunctionName=f"{NAME}:$LATEST", Qualifier="7")

    assert (error["status"], error["Code"]) == (400, "InvalidParameterValueException")


@pytest.mark.parametrize(
    "context",
    ["&&&", base64_of(b"not json"), base64_of(b"\xff"), base64_of(b'"%s"' % (b"x" * 2700))],
)
def test_a_client_context_that_is_not_one_is_refused(
    shared: Dock, shared_aws: Any, context: str
) -> None:
    error = refused(shared_aws.invoke, FunctionName=NAME, ClientContext=context)

    assert (error["status"], error["Code"]) == (400, "InvalidRequestContentException")
    assert error["Message"].startswith("Client context must be ")


def test_an_invocation_type_that_there_is_not_is_refused(shared: Dock, shared_aws: Any) -> None:
    answer = post(shared, b"{}", X_Amz_Invocation_Type="Later")

    assert answer.status_code == 400
    assert answer.headers["X-Amzn-Errortype"] == "ValidationException"


# Who may call


def test_credentials_are_not_looked_at(shared: Dock, shared_aws: Any) -> None:
    for header in ("AWS4-HMAC-SHA256 Credential=x", "Basic eA==", "Bearer nobody", "OAuth x"):
        answer = post(shared, b"1", Authorization=header)

        assert (answer.status_code, answer.text) == (200, "1")


def test_a_website_may_not_call(shared: Dock, shared_aws: Any) -> None:
    signed = "AWS4-HMAC-SHA256 Credential=x"
    for more in ({}, {"Authorization": signed}):
        answer = post(shared, b"1", Origin="https://evil.example", **more)

        assert (answer.status_code, answer.headers["X-Amzn-Errortype"]) == (
            403,
            "AccessDeniedException",
        )
        assert answer.json().keys() == {"Message"}
    assert post(shared, b"1", Origin="http://localhost:3000").status_code == 200


@pytest.mark.parametrize(
    ("auth", "beyond_loopback", "elsewhere"),
    [("open", False, 403), ("open", True, 200), ("strict", False, 403), ("strict", True, 403)],
)
def test_a_server_serves_only_callers_on_loopback_unless_it_is_told_otherwise(
    start_dock: StartDock, auth: str, beyond_loopback: bool, elsewhere: int
) -> None:
    dock = start_dock(auth=auth, host="0.0.0.0", open_beyond_loopback=beyond_loopback)
    dock.emulator.catalog.deploy(
        NAME, zipped=ZIP, runtime="python3.11", entry_point="index.handler"
    )

    statuses = {}
    for host in ("127.0.0.1", own_address()):
        connection = http.client.HTTPConnection(host, dock.emulator.port, timeout=10)
        connection.request("GET", f"{FUNCTIONS}/{NAME}")
        answer = connection.getresponse()
        answer.read()
        statuses[host] = answer.status
        connection.close()

    assert statuses == {"127.0.0.1": 200, own_address(): elsewhere}
