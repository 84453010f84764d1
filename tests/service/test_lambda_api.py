"""AWS's Lambda API as boto3 sees it: invocations, functions, errors in AWS's shapes."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from emulator.clock import to_iso
from emulator.functions.catalog import Catalog
from tests.support.aws import lambda_client
from tests.support.builders import (
    Dock,
    Gate,
    StartDock,
    base64_of,
    eventually,
    new_function,
    zip_of,
)
from tests.support.fake_engine import serve

Json = dict[str, Any]

NAME = "walnut-table"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
INVOCATIONS = f"/2015-03-31/functions/{NAME}/invocations"
ZIP = zip_of({"index.py": "def handler(event, context): ...\n"})
ROLE = "arn:aws:iam::123456789012:role/any"


@pytest.fixture
def aws(dock: Dock) -> Iterator[Any]:
    client = lambda_client(dock.emulator.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def shared_aws(shared: Dock) -> Iterator[Any]:
    """A client for refusals, and one function that answers with its event."""
    shared.deploy(echo)
    client = lambda_client(shared.emulator.url)
    yield client
    client.close()


def echo(event: Any, runtime: Any) -> Any:
    return event


def zip_function(name: str = NAME, **fields: Any) -> Json:
    """What `create_function` is called with; a field of None is left out."""
    body = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": name,
        "Role": ROLE,
        "Code": {"ZipFile": ZIP},
        **fields,
    }
    return {key: value for key, value in body.items() if value is not None}


def refused(call: Any, /, *args: Any, **fields: Any) -> Json:
    """The error that a call of boto3 raises: its name, its HTTP status and what it says."""
    with pytest.raises(ClientError) as caught:
        call(*args, **fields)
    response = caught.value.response
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return {**response["Error"], "status": status, "body": response}


def post(dock: Dock, body: bytes, path: str = INVOCATIONS, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dock.call("POST", path, base="", data=body, headers=named)


def facts(dock: Dock, name: str) -> list[Json]:
    return [facts for told, facts in dock.notices if told == name]


def function_logs(dock: Dock, name: str = NAME) -> list[str]:
    now = datetime.now(timezone.utc)
    since, until = (to_iso(now + timedelta(hours=hours)) for hours in (-1, 1))
    period = f"eventTimestamp>={since}&eventTimestamp<={until}"
    page = dock.get(f"/functions/{name}/logs?{period}").json()
    return [line["message"] for line in page["data"]]


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


def hang(event: Any, runtime: Any) -> Any:
    runtime.hang()


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

    assert "hello Ada" in function_logs(dock)


def test_a_time_limit_over_30_seconds_is_no_hindrance(dock: Dock, aws: Any) -> None:
    dock.deploy(echo, timeLimit=300)

    assert aws.invoke(FunctionName=NAME)["StatusCode"] == 200


def test_an_event_of_6_mb_is_taken(shared: Dock, shared_aws: Any) -> None:
    event = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'

    answer = shared_aws.invoke(FunctionName=NAME, Payload=event)

    assert len(answer["Payload"].read()) == len(event)


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
        (b"[" * 100_000, "nested too deeply"),
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


@pytest.mark.parametrize("name", ["oak%20table", "oak.table", "a:b:c:d", "oak:"])
def test_what_names_no_function_is_not_valid(shared: Dock, name: str) -> None:
    answer = post(shared, b"{}", f"/2015-03-31/functions/{name}/invocations")

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


# Invoke: DryRun and Event


def test_a_dry_run_runs_nothing(dock: Dock, aws: Any) -> None:
    dock.deploy(echo)

    answer = aws.invoke(FunctionName=NAME, InvocationType="DryRun")

    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    assert dock.engine.started == []


def test_an_event_is_accepted_and_run_later(dock: Dock, aws: Any) -> None:
    seen: list[tuple[Any, str]] = []
    dock.deploy(lambda event, runtime: seen.append((event, runtime.request_id)))

    answer = aws.invoke(FunctionName=NAME, InvocationType="Event", Payload=b'{"wood": "oak"}')

    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    eventually(lambda: facts(dock, "invocation_completed"))
    assert seen == [({"wood": "oak"}, answer["ResponseMetadata"]["RequestId"])]
    assert any(line.startswith("REPORT") for line in function_logs(dock))


def test_an_accepted_event_has_its_client_context_and_the_arn_of_its_call(
    dock: Dock, aws: Any
) -> None:
    seen: list[tuple[str, str]] = []

    def program(runtime: Any) -> None:
        while True:
            headers, _ = runtime._call("GET", "/invocation/next")
            runtime.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
            names = ("Lambda-Runtime-Client-Context", "Lambda-Runtime-Invoked-Function-Arn")
            seen.append(tuple(headers[name] for name in names))
            runtime.answer(None)

    dock.deploy_program(program)

    aws.invoke(
        FunctionName=f"{NAME}:$LATEST", InvocationType="Event", ClientContext=base64_of(b'{"a":1}')
    )

    eventually(lambda: facts(dock, "invocation_completed"))
    assert seen == [('{"a":1}', f"{ARN}:$LATEST")]


def timed_client(dock: Dock) -> Any:
    return lambda_client(dock.emulator.url)


def attempts(dock: Dock, number: int) -> None:
    """Waits until so many attempts have ended, whichever way."""
    ends = ("invocation_completed", "invocation_retried", "invocation_given_up")
    dock.eventually(lambda: sum(len(facts(dock, end)) for end in ends) >= number)


def test_a_failed_event_is_tried_again_after_one_minute_and_after_two(timed_dock: Dock) -> None:
    dock, seen = timed_dock, []

    def fail(_: Any, runtime: Any) -> None:
        seen.append(runtime.request_id)
        raise ValueError("no legs")

    dock.deploy(fail)
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    attempts(dock, 1)

    for seconds, expected in ((59, 1), (1, 2), (119, 2), (1, 3), (600, 3)):
        dock.advance(seconds)
        attempts(dock, expected)
        dock.eventually(lambda: not dock.emulator._dispatcher._running)
        assert len(seen) == expected

    assert len(set(seen)) == 1
    assert [each["error"] for each in facts(dock, "invocation_given_up")] == ["ValueError"]


@pytest.mark.parametrize(
    "handler", [hang, lambda _, runtime: runtime.exit(1), lambda _, r: r.exhaust_memory()]
)
def test_time_outs_and_crashes_are_tried_again_too(dock: Dock, aws: Any, handler: Any) -> None:
    dock.deploy(handler)
    aws.update_function_configuration(FunctionName=NAME, Timeout=1)

    aws.invoke(FunctionName=NAME, InvocationType="Event")

    eventually(lambda: facts(dock, "invocation_retried"))


def test_an_event_that_succeeds_at_last_is_done(timed_dock: Dock) -> None:
    dock, seen = timed_dock, []

    def limp(_: Any, runtime: Any) -> None:
        seen.append(runtime.request_id)
        if len(seen) == 1:
            raise ValueError("no legs")

    dock.deploy(limp)
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    attempts(dock, 1)

    dock.advance(60)
    attempts(dock, 2)

    assert len(facts(dock, "invocation_completed")) == 1
    assert dock.emulator._dispatcher._backlog.next_due(without=()) is None


def test_what_could_not_be_started_spends_no_attempt_and_expires_after_six_hours(
    timed_dock: Dock,
) -> None:
    dock = timed_dock
    dock.deploy(echo)
    dock.engine.refusal = "no image"
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    for number in range(1, 6):
        dock.eventually(lambda: len(facts(dock, "invocation_postponed")) >= number)  # noqa: B023
        dock.advance(300)
    dock.eventually(lambda: len(facts(dock, "invocation_postponed")) >= 6)

    dock.advance(6 * 3600)

    dock.eventually(lambda: facts(dock, "invocation_given_up"))
    assert facts(dock, "invocation_given_up")[0]["error"] == "it is too old"
    assert facts(dock, "invocation_retried") == []


def test_an_event_whose_function_is_gone_is_given_up(timed_dock: Dock) -> None:
    dock = timed_dock
    dock.deploy(lambda _, runtime: runtime.exit(1))
    client = timed_client(dock)
    client.invoke(FunctionName=NAME, InvocationType="Event")
    attempts(dock, 1)

    client.delete_function(FunctionName=NAME)
    dock.advance(60)

    dock.eventually(lambda: facts(dock, "invocation_given_up"))


def test_a_stop_gives_back_what_runs_and_the_next_start_runs_it_again(
    start_dock: StartDock,
) -> None:
    first, seen = start_dock(), []
    first.deploy(hang)
    lambda_client(first.emulator.url).invoke(FunctionName=NAME, InvocationType="Event")
    eventually(lambda: first.states() == ["busy"])
    first.stop()
    assert facts(first, "invocation_released")

    first.engine.programs[NAME] = serve(lambda _, runtime: seen.append(runtime.request_id))
    second = start_dock(engine=first.engine)

    eventually(lambda: facts(second, "invocation_completed"))
    assert len(seen) == 1


def test_a_killed_server_runs_it_again_after_the_restart(start_dock: StartDock) -> None:
    first, gate, seen = start_dock(), Gate(), []

    def handler(event: Any, runtime: Any) -> None:
        seen.append((event, runtime.request_id))
        if len(seen) == 1:
            gate.pass_(runtime)

    first.deploy(handler)
    answer = lambda_client(first.emulator.url).invoke(
        FunctionName=NAME, InvocationType="Event", Payload=b'{"wood": "oak"}'
    )
    eventually(lambda: gate.waiting)
    first.crash()

    second = start_dock(engine=first.engine)

    eventually(lambda: facts(second, "invocation_completed"))
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert seen == [({"wood": "oak"}, request_id)] * 2


# Functions


def test_a_function_is_created_and_runs(dock: Dock, aws: Any) -> None:
    dock.engine.programs[NAME] = serve(echo)

    made = aws.create_function(
        **zip_function(
            Description="four legs",
            Timeout=900,
            MemorySize=10240,
            Environment={"Variables": {"WOOD": "oak"}},
        )
    )

    assert made.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    assert made.pop("LastModified").endswith("+0000")
    assert len(made.pop("RevisionId")) == 36
    assert made.pop("Role").startswith("arn:aws:iam::")
    assert made.pop("Architectures")[0] in ("x86_64", "arm64")
    assert made == {
        "FunctionName": NAME,
        "FunctionArn": ARN,
        "Runtime": "python3.11",
        "Handler": NAME,
        "CodeSize": len(ZIP),
        "Description": "four legs",
        "Timeout": 900,
        "MemorySize": 10240,
        "CodeSha256": base64.b64encode(hashlib.sha256(ZIP).digest()).decode(),
        "Version": "$LATEST",
        "Environment": {"Variables": {"WOOD": "oak"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{NAME}"},
    }
    assert json.load(aws.invoke(FunctionName=NAME, Payload=b"1")["Payload"]) == 1
    assert dock.engine.started[0].environment["WOOD"] == "oak"


def test_without_a_word_on_limits_they_are_those_of_aws(dock: Dock, aws: Any) -> None:
    made = aws.create_function(**zip_function())

    assert (made["Timeout"], made["MemorySize"], made["Description"]) == (3, 128, "")
    assert "Environment" not in made


def test_a_function_is_one_of_the_task_service_and_the_other_way_round(
    dock: Dock, aws: Any
) -> None:
    aws.create_function(**zip_function("elm-chair", Timeout=7))
    dock.post("/functions/", new_function(NAME, timeLimit=9))

    theirs = dock.get("/functions/elm-chair").json()
    ours = aws.get_function(FunctionName=NAME)["Configuration"]

    assert (theirs["timeLimit"], theirs["entryPoint"]) == (7, "elm-chair")
    assert (ours["Timeout"], ours["Handler"]) == (9, "index.handler")


def test_an_image_function_is_created_and_runs(dock: Dock, aws: Any) -> None:
    dock.engine.programs["registry.example/oak:1"] = serve(echo)

    made = aws.create_function(
        FunctionName=NAME,
        Role=ROLE,
        PackageType="Image",
        Code={"ImageUri": "registry.example/oak:1"},
    )

    assert (made["PackageType"], made["CodeSize"]) == ("Image", 0)
    assert not {"Runtime", "Handler"} & made.keys()
    assert aws.invoke(FunctionName=NAME, Payload=b"1")["Payload"].read() == b"1"
    code = aws.get_function(FunctionName=NAME)["Code"]
    assert (code["RepositoryType"], code["ImageUri"]) == ("ECR", "registry.example/oak:1")


def test_a_zip_of_more_than_the_task_services_10_mb_is_taken(dock: Dock, aws: Any) -> None:
    large = zip_of({"index.py": "pass", "wood": random.Random(1).randbytes(11 * 1024 * 1024)})

    made = aws.create_function(**zip_function(Code={"ZipFile": large}))

    assert made["CodeSize"] == len(large)


def test_the_code_of_a_function_is_changed(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())
    other = zip_of({"index.py": "pass"})

    dry = aws.update_function_code(FunctionName=NAME, ZipFile=other, DryRun=True)
    made = aws.update_function_code(FunctionName=NAME, ZipFile=other)

    before, after = (base64_of(hashlib.sha256(each).digest()) for each in (ZIP, other))
    assert (dry["CodeSha256"], made["CodeSha256"]) == (before, after)
    assert made["CodeSize"] == len(other)
    assert aws.get_function_configuration(FunctionName=NAME)["CodeSha256"] == after


def test_the_configuration_of_a_function_is_changed_where_it_is_named(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function(Timeout=7, Environment={"Variables": {"WOOD": "oak"}}))

    changed = aws.update_function_configuration(FunctionName=NAME, MemorySize=256)

    assert (changed["MemorySize"], changed["Timeout"]) == (256, 7)
    assert changed["Environment"] == {"Variables": {"WOOD": "oak"}}
    emptied = aws.update_function_configuration(FunctionName=NAME, Environment={"Variables": {}})
    assert "Environment" not in emptied


def test_each_change_has_a_revision_that_can_be_asked_for(dock: Dock, aws: Any) -> None:
    first = aws.create_function(**zip_function())["RevisionId"]
    second = aws.update_function_configuration(FunctionName=NAME, Timeout=9, RevisionId=first)

    error = refused(
        aws.update_function_configuration, FunctionName=NAME, Timeout=8, RevisionId=first
    )

    assert second["RevisionId"] != first
    assert (error["status"], error["Code"]) == (412, "PreconditionFailedException")


def test_the_log_format_is_a_variable_that_is_not_shown(dock: Dock, aws: Any) -> None:
    dock.engine.programs[NAME] = serve(echo)
    aws.create_function(
        **zip_function(
            LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"},
            Environment={"Variables": {"WOOD": "oak"}},
        )
    )

    changed = aws.update_function_configuration(
        FunctionName=NAME, Environment={"Variables": {"WOOD": "elm"}}
    )
    aws.invoke(FunctionName=NAME)

    variables = dock.engine.started[0].environment
    assert changed["Environment"] == {"Variables": {"WOOD": "elm"}}
    assert changed["LoggingConfig"]["LogFormat"] == "JSON"
    assert changed["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"
    assert variables["WOOD"] == "elm"
    assert variables["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
    assert variables["AWS_LAMBDA_LOG_LEVEL"] == "DEBUG"
    text = aws.update_function_configuration(FunctionName=NAME, LoggingConfig={"LogFormat": "Text"})
    assert text["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{NAME}"}
    assert text["Environment"] == {"Variables": {"WOOD": "elm"}}


def test_a_deleted_function_is_gone(dock: Dock, aws: Any) -> None:
    aws.create_function(**zip_function())

    answer = aws.delete_function(FunctionName=ARN)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    for call in (
        aws.get_function,
        aws.get_function_configuration,
        aws.delete_function,
        aws.update_function_configuration,
    ):
        error = refused(call, FunctionName=NAME)
        assert (error["status"], error["Code"]) == (404, "ResourceNotFoundException")
        assert error["Message"] == f"Function not found: {ARN}"


def test_functions_are_listed_in_pages(dock: Dock, aws: Any) -> None:
    for number in range(53):
        dock.post("/functions/", new_function(f"chair-{number:02}"))

    pages = list(aws.get_paginator("list_functions").paginate())
    small = aws.list_functions(MaxItems=2, Marker="chair-07")

    assert [len(page["Functions"]) for page in pages] == [50, 3]
    listed = [each["FunctionName"] for page in pages for each in page["Functions"]]
    assert listed == [f"chair-{number:02}" for number in range(53)]
    assert [each["FunctionName"] for each in small["Functions"]] == ["chair-08", "chair-09"]
    assert small["NextMarker"] == "chair-09"
    assert "State" not in small["Functions"][0]
    assert small["Functions"][0]["CodeSize"] > 0


def test_the_waiters_of_the_sdk_are_content(shared: Dock, shared_aws: Any) -> None:
    for name in ("function_exists", "function_active_v2", "function_updated_v2"):
        shared_aws.get_waiter(name).wait(FunctionName=NAME)


# Functions: what is refused


def test_a_name_that_is_taken_is_in_conflict(shared: Dock, shared_aws: Any) -> None:
    error = refused(shared_aws.create_function, **zip_function())

    assert (error["status"], error["Code"]) == (409, "ResourceConflictException")
    assert error["Message"] == f"Function already exist: {NAME}"


INVALID = "InvalidParameterValueException"
VALIDATION = "ValidationException"


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        ({"Timeout": 0}, VALIDATION, "'0' at 'timeout' failed to satisfy constraint: Member must"),
        ({"Timeout": 901}, VALIDATION, "Member must have value less than or equal to 900"),
        ({"MemorySize": 127}, VALIDATION, "'127' at 'memorySize' failed to satisfy constraint"),
        ({"MemorySize": 10241}, VALIDATION, "Member must have value less than or equal to 10240"),
        ({"Description": "x" * 257}, VALIDATION, "at 'description' failed"),
        ({"FunctionName": "x" * 65}, VALIDATION, "is not a function name"),
        ({"Runtime": "cobol85"}, INVALID, "Value cobol85 at 'runtime' failed to satisfy"),
        ({"Runtime": None}, INVALID, "Runtime and Handler are mandatory parameters"),
        ({"Handler": None}, INVALID, "Runtime and Handler are mandatory parameters"),
        ({"Code": {"ZipFile": b"oak"}}, INVALID, "Could not unzip uploaded file."),
        ({"Code": {}}, INVALID, "Please provide ZipFile"),
        ({"Code": {"S3Bucket": "oak", "S3Key": "elm"}}, INVALID, "taskdock has no S3"),
        ({"Code": {"ImageUri": "oak:1"}}, INVALID, "Please don't provide ImageUri"),
        ({"PackageType": "Image"}, INVALID, "Please don't provide ZipFile"),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "oak:1"}},
            INVALID,
            "Please don't provide Handler or Runtime",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x", "_HANDLER": "y", "A1": "z"}}},
            INVALID,
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided contains reserved keys that are currently not supported"
            " for modification. Reserved keys used in this request: AWS_REGION, _HANDLER",
        ),
        (
            {"Environment": {"Variables": {"WOOD": "x" * 4093}}},
            INVALID,
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided exceeded the 4KB limit. String measured:"
            ' {"WOOD":"xxx',
        ),
        ({"Environment": {"Variables": {"1A": "x"}}}, VALIDATION, "at 'environment.variables'"),
        ({"LoggingConfig": {"LogFormat": "XML"}}, VALIDATION, "at 'loggingConfig.logFormat'"),
        (
            {"LoggingConfig": {"ApplicationLogLevel": "INFO"}},
            INVALID,
            'Log level is not supported when log format is set to "Text"',
        ),
    ],
)
def test_a_function_that_cannot_be_is_refused_in_aws_words(
    shared: Dock, shared_aws: Any, fields: Json, name: str, said: str
) -> None:
    unchecked = lambda_client(shared.emulator.url, parameter_validation=False)

    error = refused(unchecked.create_function, **zip_function("elm-chair", **fields))

    assert (error["status"], error["Code"]) == (400, name)
    assert said in error["Message"]
    assert shared.get("/functions/elm-chair").status_code == 404


@pytest.mark.parametrize("image", [False, True])
def test_code_does_not_become_an_image_nor_an_image_code(dock: Dock, aws: Any, image: bool) -> None:
    if image:
        aws.create_function(
            FunctionName=NAME, Role=ROLE, PackageType="Image", Code={"ImageUri": "oak:1"}
        )
    else:
        aws.create_function(**zip_function())
    code: Json = {"ZipFile": ZIP} if image else {"ImageUri": "oak:2"}

    error = refused(aws.update_function_code, FunctionName=NAME, **code)

    assert (error["status"], error["Code"]) == (400, INVALID)
    kind = "Image" if image else "Zip"
    assert error["Message"].endswith(f"when updating a function with packageType {kind}.")


@pytest.mark.parametrize(
    "call",
    [
        lambda aws: aws.list_layers(),
        lambda aws: aws.publish_version(FunctionName=NAME),
        lambda aws: aws.create_alias(FunctionName=NAME, Name="prod", FunctionVersion="1"),
        lambda aws: aws.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=1),
        lambda aws: aws.create_function_url_config(FunctionName=NAME, AuthType="NONE"),
        lambda aws: aws.get_account_settings(),
        lambda aws: aws.list_event_source_mappings(),
        lambda aws: aws.invoke_with_response_stream(FunctionName=NAME),
    ],
)
def test_what_is_not_here_says_so_in_aws_shape(shared: Dock, shared_aws: Any, call: Any) -> None:
    error = refused(call, shared_aws)

    assert (error["status"], error["Code"]) == (501, "NotImplementedException")
    assert error["Message"].startswith("taskdock does not have this part of AWS Lambda: ")


@pytest.mark.parametrize(
    ("body", "name"),
    [(b"oak", "SerializationException"), (b"{}", VALIDATION), (b"7", "SerializationException")],
)
def test_a_body_that_is_no_request_is_refused(shared: Dock, body: bytes, name: str) -> None:
    answer = post(shared, body, "/2015-03-31/functions")

    assert answer.status_code == 400
    assert answer.headers["X-Amzn-Errortype"] == name
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("items", ["0", "10001", "many"])
def test_a_page_has_at_least_one_function(shared: Dock, items: str) -> None:
    answer = shared.call("GET", f"/2015-03-31/functions?MaxItems={items}", base="")

    assert (answer.status_code, answer.headers["X-Amzn-Errortype"]) == (400, VALIDATION)


def test_what_breaks_is_told_in_aws_shape(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(self: Catalog) -> list[Any]:
        raise RuntimeError("splinters")

    monkeypatch.setattr(Catalog, "all", explode)

    answer = dock.call("GET", "/2015-03-31/functions", base="")

    assert (answer.status_code, answer.headers["X-Amzn-Errortype"]) == (500, "ServiceException")
    assert "splinters" not in answer.text
    assert facts(dock, "request_broke")


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


def own_address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))  # nothing is sent
        return str(probe.getsockname()[0])


@pytest.mark.parametrize(("auth", "elsewhere"), [("open", 200), ("strict", 403)])
def test_a_strict_server_serves_only_callers_on_loopback(
    start_dock: StartDock, auth: str, elsewhere: int
) -> None:
    dock = start_dock(auth=auth, host="0.0.0.0")
    dock.emulator.catalog.deploy(
        NAME, zipped=ZIP, runtime="python3.11", entry_point="index.handler"
    )

    statuses = {}
    for host in ("127.0.0.1", own_address()):
        connection = http.client.HTTPConnection(host, dock.emulator.port, timeout=10)
        connection.request("GET", f"/2015-03-31/functions/{NAME}")
        answer = connection.getresponse()
        answer.read()
        statuses[host] = answer.status
        connection.close()

    assert statuses == {"127.0.0.1": 200, own_address(): elsewhere}
