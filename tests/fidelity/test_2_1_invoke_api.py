"""The Invoke API, fact by fact, on real containers: what boto3 and plain HTTP get from it.

A name begins with 2.1, the section of the fact. In this order: types and headers, the payload,
names, the log's tail, the client context, function errors, errors of the API, Event.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http.client import HTTPMessage
from typing import Any

import docker
import pytest

from taskdock.base.settings import Settings
from taskdock.engines.images import Found
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State
from taskdock.server.provision import ensure_images
from taskdock.testing.clock import ManualClock
from taskdock.testing.waiting import eventually
from tests.support.aws import FUNCTIONS, ROLE, ZIP, lambda_client, refused
from tests.support.builders import recorded
from tests.support.live_dock import Deployed, LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

ARN = "arn:aws:lambda:us-east-1:000000000000:function"
MAX_EVENT = 6_291_456
MAX_ACCEPTED = 1_048_576  # of an Event
CONTEXT = {
    "client": {"app_title": "carpenter"},
    "custom": {"wood": "oak"},
    "env": {"locale": "nl_BE"},
}

_NEXT = """#!/bin/bash
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while curl -sS -D /tmp/head -o /tmp/event "$api/next"; do
  id=$(sed -n 's/\\r//; s/^lambda-runtime-aws-request-id: //Ip' /tmp/head)
"""
# The result is the event, byte for byte.
_ECHO = f"""{_NEXT}
  curl -sS -o /dev/null --data-binary @/tmp/event "$api/$id/response"
done
"""
# "tell" results in the ids of all other events; those fail.
_FAILING = f"""{_NEXT}
  if [ "$(cat /tmp/event)" = '"tell"' ]; then
    curl -sS -o /dev/null --data-binary @/tmp/ids "$api/$id/response"
  else
    echo "$id" >> /tmp/ids
    curl -sS -o /dev/null -d '{{"errorType":"Glue","errorMessage":"dry"}}' "$api/$id/error"
  fi
done
"""
# "hold" results in nothing until there is a file /tmp/open.
_HOLDING = f"""{_NEXT}
  [ "$(cat /tmp/event)" = '"hold"' ] && until [ -e /tmp/open ]; do sleep 0.05; done
  curl -sS -o /dev/null --data-binary @/tmp/event "$api/$id/response"
done
"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def error(self) -> tuple[int, str | None, bytes]:
        """Its status, the name of its error, and its body."""
        assert self.headers["Content-Type"] == "application/json"
        return self.status, self.headers["X-Amzn-Errortype"], self.body


def post(live: LiveDock, name: str, body: bytes = b"", query: str = "", **headers: str) -> Reply:
    """An underscore in a header's name stands for a hyphen."""
    connection = http.client.HTTPConnection("localhost", live.emulator.port, timeout=60)
    try:
        connection.request(
            "POST",
            f"{FUNCTIONS}/{name}/invocations{query}",
            body,
            {key.replace("_", "-"): value for key, value in headers.items()},
        )
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def run(code: str) -> bytes:
    """The event that makes a function run this."""
    return json.dumps({"run": code}).encode()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def log_of(answer: Any) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


@pytest.fixture(scope="module")
def aws(live: LiveDock) -> Iterator[Any]:
    client = lambda_client(live.emulator.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def echo(live: LiveDock) -> str:
    return live.deploy("provided.al2023", _ECHO).name


@pytest.fixture
def python(live: LiveDock) -> str:
    return live.shared("python3.11").name


@pytest.fixture(scope="module")
def brief(live: LiveDock) -> str:
    """Its runtime may be ended; its time limit is 3 seconds."""
    return live.doer("python3.11", time_limit=3).name


@pytest.fixture(scope="module")
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, clock: ManualClock) -> Iterator[LiveDock]:
    """A server with a place for one invocation; its time passes when a test says so."""
    images = ensure_images(["provided.al2023"])
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("narrow") / "data",
        freeze_after=3600.0,
        direct_concurrency=1,
    )
    image_of = partial(_image_of, images)
    with LiveDock.serving(settings, image_of=image_of, clock=clock) as dock:
        yield dock


def _image_of(images: Mapping[str, Found], function: Function) -> Found:
    return images[function.runtime or ""]


# Types and headers


def test_2_1_request_response_is_200_and_the_result(live: LiveDock, echo: str) -> None:
    said = post(live, echo, b'{"wood": "oak"}', X_Amz_Invocation_Type="RequestResponse")
    unsaid = post(live, echo, b'{"wood": "oak"}')

    assert (said.status, said.body) == (unsaid.status, unsaid.body) == (200, b'{"wood": "oak"}')


def test_2_1_an_event_is_202_and_nothing(live: LiveDock, echo: str) -> None:
    answer = post(live, echo, b"{}", X_Amz_Invocation_Type="Event")

    assert (answer.status, answer.body) == (202, b"")


def test_2_1_a_dry_run_is_204_and_nothing_and_runs_nothing(live: LiveDock) -> None:
    function = live.deploy("provided.al2023", _ECHO)

    answer = post(live, function.name, b"{}", X_Amz_Invocation_Type="DryRun")

    assert (answer.status, answer.body) == (204, b"")
    assert function.states == []


def test_2_1_the_executed_version_is_latest(live: LiveDock, echo: str, aws: Any) -> None:
    assert post(live, echo).headers["X-Amz-Executed-Version"] == "$LATEST"
    assert aws.invoke(FunctionName=echo)["ExecutedVersion"] == "$LATEST"


def test_2_1_the_request_id_is_the_one_that_the_function_sees(live: LiveDock, python: str) -> None:
    answer = post(live, python, run("result = context.aws_request_id"))

    assert answer.headers["x-amzn-RequestId"] == json.loads(answer.body)
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        answer.headers["x-amzn-RequestId"],
    )


def test_2_1_the_trace_id_has_the_root_that_the_function_sees(live: LiveDock, python: str) -> None:
    answer = post(live, python, run("result = os.environ['_X_AMZN_TRACE_ID']"))

    root = re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", answer.headers["X-Amzn-Trace-Id"])
    assert root
    assert json.loads(answer.body).startswith(root[0])


def test_2_1_a_result_is_called_json_whatever_it_is(live: LiveDock, python: str) -> None:
    answer = post(live, python, run("result = b'<p>'"))

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body == b"<p>"


def test_2_1_a_result_has_neither_an_error_nor_a_log(live: LiveDock, echo: str) -> None:
    answer = post(live, echo)

    assert "X-Amz-Function-Error" not in answer.headers
    assert "X-Amz-Log-Result" not in answer.headers


# The payload


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_2_1_a_handler_that_returns_nothing_is_null(live: LiveDock, runtime: str) -> None:
    assert post(live, live.shared(runtime).name, run("")).body == b"null"


@pytest.mark.parametrize(
    "event",
    [
        b' {"z" :  1,\t"a":2}\r\n',
        b'{"a":1,"a":2}',
        '{"wood": "Nußbaum \N{EVERGREEN TREE}", "é": "\\ud83c\\udf32 \\u00e9 \\/"}'.encode(),
        b'{"n": 123456789012345678901234567890, "f": 1.0e400, "z": -0.0, "t": 1.10}',
        b'"text"',
    ],
    ids=["spaces", "keys", "unicode", "numbers", "text"],
)
def test_2_1_bytes_are_unchanged_both_ways(live: LiveDock, echo: str, event: bytes) -> None:
    assert post(live, echo, event).body == event


def test_2_1_no_payload_is_an_empty_object(live: LiveDock, echo: str, aws: Any) -> None:
    assert post(live, echo).body == b"{}"
    assert aws.invoke(FunctionName=echo)["Payload"].read() == b"{}"


def test_2_1_null_is_delivered_as_null(live: LiveDock, echo: str) -> None:
    assert post(live, echo, b"null").body == b"null"


def test_2_1_an_event_of_6_mb_is_taken(live: LiveDock, echo: str) -> None:
    event = b'"' + b"x" * (MAX_EVENT - 2) + b'"'

    assert post(live, echo, event).body == event


# Names


@pytest.mark.parametrize(
    ("reference", "query", "arn"),
    [
        ("{name}", "", f"{ARN}:{{name}}"),
        ("000000000000:function:{name}", "", f"{ARN}:{{name}}"),
        (f"{ARN}:{{name}}", "", f"{ARN}:{{name}}"),
        ("{name}:$LATEST", "", f"{ARN}:{{name}}:$LATEST"),
        ("{name}", "?Qualifier=$LATEST", f"{ARN}:{{name}}:$LATEST"),
        ("000000000000:function:{name}:$LATEST", "", f"{ARN}:{{name}}:$LATEST"),
        (f"{ARN}:{{name}}:$LATEST", "?Qualifier=$LATEST", f"{ARN}:{{name}}:$LATEST"),
    ],
)
def test_2_1_a_function_has_many_names_and_sees_an_arn_with_the_callers_qualifier(
    live: LiveDock, python: str, reference: str, query: str, arn: str
) -> None:
    event = run("result = [context.invoked_function_arn, context.function_version]")

    answer = post(live, reference.format(name=python), event, query)

    assert json.loads(answer.body) == [arn.format(name=python), "$LATEST"]


def test_2_1_boto3_knows_the_names_too(aws: Any, echo: str) -> None:
    for reference in (f"{ARN}:{echo}", f"000000000000:function:{echo}", f"{echo}:$LATEST"):
        assert aws.invoke(FunctionName=reference)["StatusCode"] == 200
    assert aws.invoke(FunctionName=echo, Qualifier="$LATEST")["StatusCode"] == 200


# The log's tail


def test_2_1_the_log_comes_along_when_it_is_asked_for(aws: Any, python: str) -> None:
    answer = aws.invoke(FunctionName=python, LogType="Tail", Payload=run("print('hello from oak')"))

    request_id = answer["ResponseMetadata"]["RequestId"]
    lines = log_of(answer).split("\n")
    start = lines.index(f"START RequestId: {request_id} Version: $LATEST")
    assert lines[start + 1 : start + 3] == ["hello from oak", f"END RequestId: {request_id}"]
    assert lines[start + 3].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert lines[start + 4 :] == [""]


def test_2_1_of_a_long_log_the_last_4096_bytes_come(aws: Any, python: str) -> None:
    code = "for n in range(600): print(f'é {n:05}')"

    answer = aws.invoke(FunctionName=python, LogType="Tail", Payload=run(code))

    tail = base64.b64decode(answer["LogResult"])
    _, *printed, end, report, rest = tail.decode(errors="replace").split("\n")
    assert len(tail) == 4096
    assert printed == [f"é {n:05}" for n in range(600 - len(printed), 600)]
    assert (end.split()[0], report.split()[0], rest) == ("END", "REPORT", "")


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_2_1_a_log_that_is_not_asked_for_does_not_come(aws: Any, echo: str, kind: str) -> None:
    for more in ({}, {"LogType": "None"}):
        assert "LogResult" not in aws.invoke(FunctionName=echo, InvocationType=kind, **more)


@pytest.mark.parametrize("kind", ["Event", "DryRun"])
def test_2_1_a_log_comes_only_with_a_result(aws: Any, echo: str, kind: str) -> None:
    answer = aws.invoke(FunctionName=echo, InvocationType=kind, LogType="Tail")

    assert "LogResult" not in answer


def test_2_1_an_error_has_its_log_too(aws: Any, python: str) -> None:
    answer = aws.invoke(FunctionName=python, LogType="Tail", Payload=b'"fail"')

    assert "[ERROR] Exception: Handler fails" in log_of(answer)


# The client context


def test_2_1_python_sees_the_client_context_as_objects(aws: Any, python: str) -> None:
    code = "c = context.client_context; result = [c.client.app_title, c.custom, c.env]"

    answer = aws.invoke(
        FunctionName=python, ClientContext=encoded(json.dumps(CONTEXT)), Payload=run(code)
    )

    assert json.load(answer["Payload"]) == ["carpenter", {"wood": "oak"}, {"locale": "nl_BE"}]


def test_2_1_node_sees_the_client_context_as_it_is(live: LiveDock, aws: Any) -> None:
    answer = aws.invoke(
        FunctionName=live.shared("nodejs20.x").name,
        ClientContext=encoded(json.dumps(CONTEXT)),
        Payload=run("return context.clientContext"),
    )

    assert json.load(answer["Payload"]) == CONTEXT


@pytest.mark.parametrize(
    ("runtime", "code", "nothing"),
    [
        ("python3.11", "result = [context.client_context]", b"[null]"),
        ("nodejs20.x", "return [typeof context.clientContext]", b'["undefined"]'),
    ],
)
def test_2_1_without_a_client_context_there_is_none(
    live: LiveDock, runtime: str, code: str, nothing: bytes
) -> None:
    assert post(live, live.shared(runtime).name, run(code)).body == nothing


def test_2_1_a_client_context_has_3583_bytes_at_most(live: LiveDock, python: str) -> None:
    event = run("result = len(context.client_context.custom['x'])")
    frame = len('{"custom":{"x":""}}')
    largest, larger = (
        encoded(f'{{"custom":{{"x":"{"x" * (size - frame)}"}}}}') for size in (2685, 2688)
    )
    assert (len(largest), len(larger)) == (3580, 3584)  # base64 comes in fours

    taken = post(live, python, event, X_Amz_Client_Context=largest)
    answer = post(live, python, event, X_Amz_Client_Context=larger)

    assert taken.body == str(2685 - frame).encode()
    assert answer.error[:2] == (400, "InvalidRequestContentException")


# Function errors


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (b'"fail"', "Exception"),
        (run("os._exit(0)"), "Runtime.ExitError"),
        (run("os._exit(3)"), "Runtime.ExitError"),
        (run("kept['x'] = b'x' * 400_000_000"), "Runtime.OutOfMemory"),
        (run("time.sleep(60)"), "Sandbox.Timedout"),
        (run("result = 'x' * 6_291_556"), "Function.ResponseSizeTooLarge"),
    ],
    ids=["exception", "exit 0", "exit 3", "memory", "time", "size"],
)
def test_2_1_every_function_error_is_200_and_unhandled(
    live: LiveDock, brief: str, event: bytes, error: str
) -> None:
    answer = post(live, brief, event)

    assert answer.status == 200
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert answer.headers["X-Amz-Executed-Version"] == "$LATEST"
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body)["errorType"] == error


def test_2_1_an_error_that_node_calls_back_with_is_unhandled_too(live: LiveDock) -> None:
    code = "exports.handler = (event, context, callback) => callback(new Error('dry'));\n"
    function = live.deploy("nodejs20.x", code)

    assert post(live, function.name).headers["X-Amz-Function-Error"] == "Unhandled"


# Errors of the API


@pytest.mark.parametrize(
    ("reference", "query", "missing"),
    [
        ("no-such", "", "no-such:$LATEST"),
        ("no-such", "?Qualifier=7", "no-such:7"),
        ("no-such:prod", "", "no-such:prod"),
        ("{name}:7", "", "{name}:7"),
    ],
)
def test_2_1_what_is_not_there_is_404(
    live: LiveDock, echo: str, reference: str, query: str, missing: str
) -> None:
    name = reference.format(name=echo)
    body = f'{{"Type":"User","Message":"Function not found: {ARN}:{missing.format(name=echo)}"}}'

    for kind in ("RequestResponse", "Event", "DryRun"):
        answer = post(live, name, b"{}", query, X_Amz_Invocation_Type=kind)

        assert answer.error == (404, "ResourceNotFoundException", body.encode())


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
def test_2_1_what_is_not_json_is_400(live: LiveDock, echo: str, kind: str) -> None:
    answer = post(live, echo, b"\x99", X_Amz_Invocation_Type=kind)

    assert answer.error[:2] == (400, "InvalidRequestContentException")
    assert answer.body.decode() == (
        '{"Type":"User","message":"Could not parse request body into json: Could not parse payload'
        " into json: Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON"
        " String, Number, Array, Object or token 'null', 'true' or 'false')\\n at [Source: REDACTED"
        ' (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 1]"}'
    )


@pytest.mark.parametrize(
    ("kind", "limit"), [("RequestResponse", MAX_EVENT), ("Event", MAX_ACCEPTED)]
)
def test_2_1_what_is_a_byte_too_large_is_413(
    live: LiveDock, echo: str, kind: str, limit: int
) -> None:
    event = b'"' + b"x" * (limit - 1) + b'"'

    answer = post(live, echo, event, X_Amz_Invocation_Type=kind)

    assert answer.error == (
        413,
        "RequestEntityTooLargeException",
        f'{{"Message":"Request must be smaller than {limit} bytes'
        ' for the InvokeFunction operation"}'.encode(),
    )


def test_2_1_too_many_at_once_are_429(narrow: LiveDock, docker_client: docker.DockerClient) -> None:
    """The reason is that of AWS's account: there is no limit for one function here."""
    function = narrow.deploy("provided.al2023", _HOLDING)
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(post, narrow, function.name, b'"hold"')
        eventually(lambda: function.states == [State.BUSY], "it runs")

        answer = post(narrow, function.name)
        docker_client.containers.get(function.container).exec_run("touch /tmp/open")

        assert first.result(timeout=60).status == 200
    assert answer.error == (
        429,
        "TooManyRequestsException",
        b'{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
    )
    assert post(narrow, function.name).status == 200


def test_2_1_a_function_that_is_not_ready_is_409(live: LiveDock) -> None:
    """Here no function is ever Pending; one that was disabled is not ready either."""
    function = live.deploy("provided.al2023", _ECHO)
    live.service.post(f"/functions/{function.name}/disable")

    for kind in ("RequestResponse", "Event"):
        answer = post(live, function.name, X_Amz_Invocation_Type=kind)

        assert answer.error[:2] == (409, "ResourceConflictException")
        assert json.loads(answer.body)["Type"] == "User"


def test_2_1_a_value_that_is_not_allowed_is_400(aws: Any) -> None:
    error = refused(
        aws.create_function,
        FunctionName="reserved",
        Runtime="python3.11",
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": ZIP},
        Environment={"Variables": {"AWS_REGION": "eu-west-1"}},
    )

    assert (error["status"], error["Code"]) == (400, "InvalidParameterValueException")
    assert error["Message"] == (
        "Lambda was unable to configure your environment variables because the environment"
        " variables you have provided contains reserved keys that are currently not supported for"
        " modification. Reserved keys used in this request: AWS_REGION"
    )


# Event


class Told:
    """What a server tells of a function's events from now on."""

    def __init__(self, live: LiveDock, function: Deployed) -> None:
        self.facts = recorded(live.emulator.notices)
        self._function = function.name

    def of(self, name: str) -> list[Any]:
        told = [facts for told, facts in self.facts if told == f"invocation_{name}"]
        return [facts for facts in told if facts["function"] == self._function]

    def await_ends(self, number: int) -> None:
        """Until so many attempts have ended, whichever way."""
        ends = ("completed", "retried", "given_up")
        eventually(
            lambda: sum(len(self.of(end)) for end in ends) >= number,
            f"{number} attempts have ended",
        )


def test_2_1_an_event_runs_with_its_payload_and_request_id(live: LiveDock, aws: Any) -> None:
    function = live.doer("python3.11")
    told = Told(live, function)
    code = "open('/tmp/seen', 'w').write(context.aws_request_id + ' oak')"

    answer = aws.invoke(FunctionName=function.name, InvocationType="Event", Payload=run(code))

    told.await_ends(1)
    seen = function.run("result = open('/tmp/seen').read()").result
    assert seen == f"{answer['ResponseMetadata']['RequestId']} oak"


def test_2_1_a_failed_event_is_tried_twice_again_and_keeps_its_request_id(
    narrow: LiveDock, clock: ManualClock
) -> None:
    """After one minute, and after two more."""
    function = narrow.deploy("provided.al2023", _FAILING)
    told = Told(narrow, function)
    answer = post(narrow, function.name, X_Amz_Invocation_Type="Event")
    told.await_ends(1)
    event_queue = narrow.emulator.tasks.event_queue

    for number, minutes in ((2, 1), (3, 2)):
        due = event_queue.next_due()
        assert due == clock.now() + timedelta(minutes=minutes)
        clock.jump(60 * minutes)
        told.await_ends(number)

    assert event_queue.next_due() is None
    assert [facts["error"] for facts in told.of("given_up")] == ["Glue"]
    seen = post(narrow, function.name, b'"tell"').body.decode().split()
    assert seen == [answer.headers["x-amzn-RequestId"]] * 3


def test_2_1_an_event_is_given_up_after_six_hours(narrow: LiveDock, clock: ManualClock) -> None:
    function = narrow.deploy("provided.al2023", _FAILING)
    told = Told(narrow, function)
    post(narrow, function.name, X_Amz_Invocation_Type="Event")
    told.await_ends(1)

    clock.jump(6 * 3600 + 1)
    told.await_ends(2)

    assert [facts["error"] for facts in told.of("given_up")] == ["it is too old"]
