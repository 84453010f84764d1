"""Log lines of an invocation, as text and as JSON: the platform's words, and when they are said."""

import hashlib
import json
from datetime import timedelta

import pytest

from taskdock.engines.ending import ProgramExit
from taskdock.lambdas import outcome
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.log_formats import Usage
from taskdock.lambdas.invoke.platform_log import InvocationLog
from taskdock.lambdas.log_line import LogLine, message_of
from taskdock.lambdas.outcome import Answer
from taskdock.testing.clock import NOON, ManualClock

ID = "8f5a"
BEFORE = NOON - timedelta(seconds=2)
DIGEST = hashlib.sha256(b"python:3.13").hexdigest()
ARN = f"arn:aws:lambda:eu-west-1::runtime:{DIGEST}"
DONE = Answer(b"42")
POSTED = outcome.function_error(b'{"errorType":"Glue","errorMessage":"dry"}')
UNKNOWN_INIT = outcome.function_error(b"{}", "Function.Oops")
EXITED = outcome.ended(ID, ProgramExit(code=3))
TIMED_OUT = outcome.timed_out(ID, 3)
NO_MEMORY = outcome.ended(ID, ProgramExit(signal=9, out_of_memory=True))
FAULTS = [EXITED, TIMED_OUT, NO_MEMORY]


def usage(**changes):
    return Usage(**{"duration": 12.345, "memory_limit": 192, "max_memory": 40, **changes})


class Log:
    """An invocation's log with all that it has written."""

    def __init__(self, as_json, **fields):
        self.lines = []
        function = Function(
            name="oak",
            memory_limit=192,
            environment={"AWS_LAMBDA_LOG_FORMAT": "JSON"} if as_json else {},
            update_timestamp=NOON,
            **{"runtime": "python3.13", "code": "c", **fields},
        )
        self.log = InvocationLog(ID, function, self.lines.append, ManualClock(), "eu-west-1")

    @property
    def messages(self):
        return [line.message for line in self.lines]

    @property
    def records(self):
        """What its JSON lines say, by type; a type comes once."""
        said = [json.loads(message) for message in self.messages]
        return {line["type"]: line["record"] for line in said}


@pytest.fixture
def text():
    return Log(as_json=False)


@pytest.fixture
def in_json():
    return Log(as_json=True)


@pytest.mark.parametrize(
    ("duration", "init", "billed"),
    [
        (1.0, None, 1),
        (1.01, None, 2),
        (0.4, None, 1),
        (1.0, 2.0, 3),
        (0.4, 0.4, 1),
        (0.6, 0.6, 2),
        (12.345, 250.5, 263),
        (0.0, None, 0),
    ],
)
def test_every_millisecond_that_has_begun_is_billed_and_those_of_the_init_too(
    duration, init, billed
):
    assert usage(duration=duration, init=init).billed == billed


# As text


def test_an_invocation_is_between_its_start_its_end_and_a_report(text):
    text.log.start()
    text.log.line("hello")
    text.log.end(DONE, usage())

    assert text.messages == [
        f"START RequestId: {ID} Version: $LATEST",
        "hello",
        f"END RequestId: {ID}",
        f"REPORT RequestId: {ID}\tDuration: 12.35 ms\tBilled Duration: 13 ms"
        "\tMemory Size: 192 MB\tMax Memory Used: 40 MB\t",
    ]
    assert {line.timestamp for line in text.lines} == {NOON}


def test_a_report_has_the_init_that_this_invocation_caused(text):
    text.log.end(DONE, usage(init=250.5))

    assert text.messages[-1].endswith("\tMax Memory Used: 40 MB\tInit Duration: 250.50 ms\t")
    assert "\tBilled Duration: 263 ms\t" in text.messages[-1]


@pytest.mark.parametrize(
    ("failure", "suffix"),
    [
        (POSTED, "MB\t"),
        (EXITED, "\tStatus: error\tError Type: Runtime.ExitError\t"),
        (NO_MEMORY, "\tStatus: error\tError Type: Runtime.OutOfMemory\t"),
        (TIMED_OUT, "MB\tStatus: timeout\t"),
        (outcome.broken(ValueError()), "\tStatus: error\tError Type: Runtime.Unknown\t"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_report_says_how_it_failed_unless_the_function_did(text, failure, suffix):
    text.log.end(failure, usage())

    assert text.messages[-1].endswith(suffix)


def test_lines_from_before_keep_their_time(text):
    text.log.lines([LogLine(BEFORE, "early")])
    text.log.init_start(BEFORE, "python:3.13", "e" * 32)

    assert text.lines == [
        LogLine(BEFORE, "early"),
        LogLine(BEFORE, f"INIT_START Runtime Version: python:3.13\tRuntime Version ARN: {ARN}"),
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_of_an_image_that_is_the_function_no_runtime_is_told(as_json):
    log = Log(as_json, runtime=None, code=None, image="oak:1")

    log.log.init_start(BEFORE, "oak:1", "e" * 32)

    assert log.lines == []


@pytest.mark.parametrize(
    ("failure", "phase", "suffix"),
    [
        (EXITED, "init", "Phase: init\tStatus: error\tError Type: Runtime.ExitError"),
        (EXITED, "invoke", "Phase: invoke\tStatus: error\tError Type: Runtime.ExitError"),
        (UNKNOWN_INIT, "init", "Phase: init\tStatus: error\tError Type: Function.Oops"),
        (POSTED, "init", "Phase: init\tStatus: error\tError Type: Runtime.Unknown"),
        (TIMED_OUT, "init", "Phase: init\tStatus: timeout"),
    ],
)
def test_an_init_that_failed_is_reported_with_its_phase(text, failure, phase, suffix):
    text.log.init_report(1234.5678, failure, phase)

    assert text.messages == [f"INIT_REPORT Init Duration: 1234.57 ms\t{suffix}"]


def test_what_the_platform_says_of_a_failure_is_in_the_log(text):
    for each in FAULTS:
        text.log.explain(each)

    assert text.messages == [
        f"RequestId: {ID} Error: Runtime exited with error: exit status 3",
        "Runtime.ExitError",
        f"2026-01-02T12:00:00.000Z {ID} Task timed out after 3.00 seconds",
        f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
        "Runtime.OutOfMemory",
    ]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "ended", [DONE, POSTED, outcome.stopped(), outcome.not_started("NoRoom", "none")], ids=str
)
def test_of_anything_else_the_platform_says_nothing(as_json, ended):
    log = Log(as_json)

    log.log.explain(ended)

    assert log.messages == []


# As JSON


def test_an_invocation_is_a_start_and_a_report(in_json):
    in_json.log.start()
    in_json.log.end(DONE, usage(duration=12.34567))

    start, report = map(json.loads, in_json.messages)
    assert start == {
        "time": "2026-01-02T12:00:00.000Z",
        "type": "platform.start",
        "record": {
            "requestId": ID,
            "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:oak",
            "version": "$LATEST",
        },
    }
    assert report == {
        "time": "2026-01-02T12:00:00.000Z",
        "type": "platform.report",
        "record": {
            "requestId": ID,
            "metrics": {
                "durationMs": 12.346,
                "billedDurationMs": 13,
                "memorySizeMB": 192,
                "maxMemoryUsedMB": 40,
            },
            "status": "success",
        },
    }


def test_a_record_has_the_init_that_this_invocation_caused(in_json):
    in_json.log.end(DONE, usage(init=250.56789))

    metrics = in_json.records["platform.report"]["metrics"]
    assert (metrics["initDurationMs"], metrics["billedDurationMs"]) == (250.568, 263)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (POSTED, {"status": "error", "errorType": "Runtime.Unknown"}),
        (EXITED, {"status": "error", "errorType": "Runtime.ExitError"}),
        (TIMED_OUT, {"status": "timeout"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_record_says_how_it_failed(in_json, failure, said):
    in_json.log.end(failure, usage())

    report = in_json.records["platform.report"]
    assert {key: report[key] for key in ("status", "errorType") if key in report} == said


def test_a_record_says_which_environment_starts(in_json):
    in_json.log.init_start(BEFORE, "python:3.13", "e" * 32)

    (message,) = in_json.messages
    assert json.loads(message)["time"] == "2026-01-02T11:59:58.000Z"
    record = in_json.records["platform.initStart"]
    instance = record.pop("instanceId")
    assert instance.startswith("2026/01/02/[$LATEST]")
    assert "e" * 32 not in instance
    assert record == {
        "initializationType": "on-demand",
        "phase": "init",
        "runtimeVersion": "python:3.13",
        "runtimeVersionArn": ARN,
        "functionName": "oak",
        "functionVersion": "$LATEST",
        "instanceMaxMemory": 192 * 1024 * 1024,  # bytes
    }


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (EXITED, {"status": "error", "errorType": "Runtime.ExitError"}),
        (TIMED_OUT, {"status": "timeout"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_record_of_an_init_that_failed_has_its_phase(in_json, failure, said):
    in_json.log.init_report(1234.56789, failure, "invoke")

    assert in_json.records["platform.initReport"] == {
        "initializationType": "on-demand",
        "phase": "invoke",
        "metrics": {"durationMs": 1234.568},
        **said,
    }


def test_the_report_alone_explains_a_failure(in_json):
    for each in FAULTS:
        in_json.log.explain(each)

    assert in_json.messages == []


NODE = "2026-01-02T03:04:05.678Z\t%s\tINFO\t"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"hello", "hello"),
        (b"hello\r", "hello"),  # of "hello\\r\\n"
        (b"hello\r\r", "hello\r"),
        (b"\r", ""),
        (b"10%\r20%\r100%", "10%\r20%\r100%"),
        (b"a\0b\x0bc\x0cd\x1ce", "a\0b\x0bc\x0cd\x1ce"),
        ("a\x85b\u2028c\u2029".encode(), "a\x85b\u2028c\u2029"),
        (b"n\xffu\xc3", "n\ufffdu\ufffd"),
        ((NODE % "undefined" + "a\rb").encode(), NODE % "undefined" + "a\nb"),
        ((NODE % ("a" * 36) + "a\r\rb\r").encode(), NODE % ("a" * 36) + "a\n\nb"),
        (("x" + NODE % "undefined" + "a\rb").encode(), "x" + NODE % "undefined" + "a\rb"),
        (
            b"[ERROR] E: x\rTraceback (most recent call last):\r  File",
            "[ERROR] E: x\nTraceback (most recent call last):\n  File",
        ),
    ],
)
def test_a_message_is_what_was_printed_before_the_line_end(line, message):
    assert message_of(line) == message
