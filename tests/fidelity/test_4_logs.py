"""What the log of an invocation holds, fact by fact.

A name begins with the section that the fact belongs to: 4.1 the platform's lines, 4.2 the same as
JSON, 4.3 the lines of the function and its runtime.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest

from tests.support.live_dock import Called, Deployed, LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

FAMILIES = ("python3.11", "nodejs20.x", "provided.al2023")
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SPACE = "\N{NO-BREAK SPACE}"
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
VERSIONS = {
    "python3.11": "python:3.11",
    "nodejs20.x": "nodejs:20",
    "provided.al2023": "provided:al2023",
}


def durations(report: str) -> dict[str, float]:
    """The times in a REPORT, in milliseconds."""
    found = re.findall(r"\t((?:\w+ )?Duration): ([\d.]+) ms", report)
    return {name: float(value) for name, value in found}


def memory_used(report: str) -> int:
    """In MB."""
    return int(re.findall(r"\tMax Memory Used: (\d+) MB\t", report)[0])


def assert_lines(called: Called, *patterns: str) -> None:
    """ID in a pattern stands for the request's id."""
    assert len(called.lines) == len(patterns), called.lines
    for line, pattern in zip(called.lines, patterns, strict=True):
        assert re.fullmatch(pattern.replace("ID", called.request_id), line), (pattern, line)


# 4.1 The platform's lines

REPORT = (
    r"REPORT RequestId: ID\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms"
    r"\tMemory Size: 128 MB\tMax Memory Used: \d+ MB"
)
INIT_START = (
    r"INIT_START Runtime Version: .+\tRuntime Version ARN:"
    r" arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}"
    r"(\tStand-in: taskdock/standin-\S+)?"  # behind all of AWS's, where it is not AWS's image
)
START, END = r"START RequestId: ID Version: \$LATEST", "END RequestId: ID"


@pytest.mark.parametrize("runtime", FAMILIES)
def test_4_1_a_cold_invocation_and_a_warm_one(live: LiveDock, runtime: str) -> None:
    """Init Duration is the last part of REPORT; a tab ends it."""
    function = live.doer(runtime)

    cold, warm = function.run(""), function.run("")

    init_start = INIT_START.replace(".+", VERSIONS[runtime])
    assert_lines(cold, init_start, START, END, REPORT + r"\tInit Duration: \d+\.\d\d ms\t")
    assert_lines(warm, START, END, REPORT + r"\t")
    for report in (cold.report, warm.report):
        times = durations(report)
        billed = times["Billed Duration"]
        exactly = times["Duration"] + times.get("Init Duration", 0)
        # The parts are rounded: their sum may be off by a hundredth.
        assert billed in {math.ceil(exactly - 0.01), math.ceil(exactly + 0.01)}


def test_4_1_the_memory_size_is_the_functions(live: LiveDock) -> None:
    assert "\tMemory Size: 192 MB\t" in live.doer("nodejs20.x", memory_limit=192).run("").report


def test_4_1_the_memory_used_is_the_environments_peak(live: LiveDock) -> None:
    function = live.doer("python3.11")
    before = memory_used(function.run("").report)

    during = memory_used(function.run("food = b'x' * (60 << 20)").report)
    after = memory_used(function.run("").report)

    assert before + 55 <= during <= before + 70
    assert after == during


@pytest.mark.parametrize("end", ["sys.exit(3)", "time.sleep(60)"], ids=["exit", "time-out"])
def test_4_1_the_memory_of_a_runtime_that_ends_is_measured(live: LiveDock, end: str) -> None:
    function = live.doer("python3.11", time_limit=2)

    called = function.run(f"food = b'x' * (60 << 20); {end}")

    assert 60 <= memory_used(called.report) <= 90


def test_4_1_all_memory_was_used_when_it_ran_out(live: LiveDock) -> None:
    function = live.shared("python3.11")
    function.run("")

    called = function.run("food = b'x' * (200 << 20)")

    assert_lines(
        called,
        START,
        "RequestId: ID Error: Runtime exited with error: signal: killed",
        r"Runtime\.OutOfMemory",
        END,
        REPORT.replace(r"\d+ MB", "128 MB")
        + r"\tStatus: error\tError Type: Runtime\.OutOfMemory\t",
    )


@pytest.mark.parametrize(
    ("runtime", "code"),
    [
        ("python3.11", "sys.exit(1)"),
        ("nodejs20.x", "process.exit(1);"),
        ("provided.al2023", "exit 1"),
    ],
)
def test_4_1_a_crash_is_explained(live: LiveDock, runtime: str, code: str) -> None:
    function = live.shared(runtime)
    function.run("")

    called = function.run(code)

    assert_lines(
        called,
        START,
        "RequestId: ID Error: Runtime exited with error: exit status 1",
        r"Runtime\.ExitError",
        END,
        REPORT + r"\tStatus: error\tError Type: Runtime\.ExitError\t",
    )


def test_4_1_a_time_out_is_explained_and_lasts_as_long_as_its_limit(live: LiveDock) -> None:
    function = live.doer("python3.11", time_limit=1)
    function.run("")

    called = function.run("print('begun', flush=True); time.sleep(60)")

    assert_lines(
        called,
        START,
        "begun",
        rf"{MOMENT} ID Task timed out after 1\.00 seconds",
        END,
        REPORT.replace(r"Duration: \d+\.\d\d ms", r"Duration: 1000\.00 ms", 1).replace(
            r"Billed Duration: \d+", "Billed Duration: 1000"
        )
        + r"\tStatus: timeout\t",
    )


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_4_1_a_handlers_exception_has_no_status(live: LiveDock, runtime: str) -> None:
    function = live.shared(runtime)
    function.run("")

    report = function.call("fail").report

    assert re.fullmatch(REPORT.replace("ID", "[0-9a-f-]+") + r"\t", report)


@pytest.mark.parametrize(
    ("runtime", "code", "said", "name"),
    [
        ("python3.11", "import x", r"\[ERROR\] Runtime.*", "Runtime.ImportModuleError"),
        ("python3.11", "raise KeyError", r"\[ERROR\] KeyError\n.*", "Runtime.Unknown"),
        ("nodejs20.x", "{", r".*\tUncaught Exception \t.*", "Runtime.UserCodeSyntaxError"),
        ("nodejs20.x", "throw 1", r".*\tUncaught Exception \t.*", "Runtime.Unknown"),
        ("provided.al2023", "#!/bin/sh\necho no; exit 1", "no", "Runtime.ExitError"),
    ],
)
def test_4_1_a_failing_init_is_reported_twice(
    live: LiveDock, runtime: str, code: str, said: str, name: str
) -> None:
    """To the platform, an error type of the function's own is unknown."""
    called = live.deploy(runtime, code).call()

    status = rf"\tStatus: error\tError Type: {re.escape(name)}"
    explained = ["RequestId: ID Error: .*", re.escape(name)] if runtime == "provided.al2023" else []
    assert_lines(
        _without_warnings(called),
        INIT_START,
        f"(?s){said}",
        r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init" + status,
        f"(?s){said}",
        r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke" + status,
        START,
        *explained,
        END,
        REPORT + status + r"\t",
    )


def _without_warnings(called: Called) -> Called:
    """Without what Python's client says before any error of an init."""
    lines = [line for line in called.lines if "\tLAMBDA_WARNING: " not in line]
    return Called(called.request_id, called.outcome, lines)


def test_4_1_what_the_init_prints_stands_before_start(live: LiveDock) -> None:
    called = live.deploy("python3.11", "print('sawdust')\nhandler = lambda *_: None\n").call()

    assert called.words == ["INIT_START", "sawdust", "START", "END", "REPORT"]


# 4.2 JSON


@pytest.fixture(scope="module", params=["python3.11", "nodejs20.x"])
def structured(request: pytest.FixtureRequest, live: LiveDock) -> Deployed:
    return live.doer(request.param, environment=JSON)


def records(called: Called) -> list[tuple[str, dict[str, Any]]]:
    """The platform's events: name and record. Each has the same three members."""
    events = [json.loads(line) for line in called.lines if line.startswith('{"time":')]
    for event in events:
        assert list(event) == ["time", "type", "record"]
        assert re.fullmatch(MOMENT, event["time"])
    return [(event["type"], event["record"]) for event in events]


def test_4_2_a_cold_invocation_and_a_warm_one(live: LiveDock) -> None:
    function = live.doer("nodejs20.x", environment=JSON)
    name = function.name

    cold, warm = function.run(""), function.run("")

    (init_start, begun), (start, started), (report, reported) = records(cold)
    assert (init_start, start, report) == (
        "platform.initStart",
        "platform.start",
        "platform.report",
    )
    assert re.fullmatch(
        r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}", begun.pop("runtimeVersionArn")
    )
    assert begun.pop("standIn", "taskdock/standin-").startswith("taskdock/standin-")
    instance = begun.pop("instanceId")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", instance)
    assert function.environment.id not in instance, "only its runtime may know it"
    assert begun == {
        "initializationType": "on-demand",
        "phase": "init",
        "runtimeVersion": "nodejs:20",
        "functionName": name,
        "functionVersion": "$LATEST",
        "instanceMaxMemory": 128 * 1024 * 1024,
    }
    assert started == {
        "requestId": cold.request_id,
        "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        "version": "$LATEST",
    }
    metrics = reported.pop("metrics")
    assert reported == {"requestId": cold.request_id, "status": "success"}
    assert list(metrics) == [
        "durationMs",
        "billedDurationMs",
        "memorySizeMB",
        "maxMemoryUsedMB",
        "initDurationMs",
    ]
    assert metrics["memorySizeMB"] == 128
    exactly = metrics["durationMs"] + metrics["initDurationMs"]
    assert metrics["billedDurationMs"] in {
        math.ceil(exactly - 0.001),
        math.ceil(exactly + 0.001),
    }
    (start, _), (report, reported) = records(warm)
    assert (start, report) == ("platform.start", "platform.report")
    assert "initDurationMs" not in reported["metrics"]


@pytest.mark.parametrize(
    ("code", "status", "name"),
    [
        ("raise ValueError('leg')", "error", "Runtime.Unknown"),
        ("result = {1}", "error", "Runtime.MarshalError"),
        ("sys.exit(3)", "error", "Runtime.ExitError"),
        ("time.sleep(60)", "timeout", None),
    ],
)
def test_4_2_a_failure_has_its_status(live: LiveDock, code: str, status: str, name: str) -> None:
    function = live.doer("python3.11", environment=JSON, time_limit=1)
    function.run("")

    called = function.run(code)

    report = records(called)[-1][1]
    assert (report["status"], report.get("errorType")) == (status, name)
    assert all(line.startswith("{") for line in called.lines)


def test_4_2_a_failing_init_is_reported_twice(live: LiveDock) -> None:
    called = live.deploy("nodejs20.x", "throw new Error('leg');\n", environment=JSON).call()

    told = records(called)
    assert [name.removeprefix("platform.") for name, _ in told] == [
        "initStart",
        "initReport",
        "initReport",
        "start",
        "report",
    ]
    first, second = told[1][1], told[2][1]
    assert (first["phase"], second["phase"]) == ("init", "invoke")
    assert {first["status"], second["status"]} == {"error"}
    assert first["errorType"] == "Runtime.Unknown"
    assert first["metrics"]["durationMs"] > 0


# 4.3 The function's lines


def test_4_3_python_prints_as_it_is(live: LiveDock) -> None:
    called = live.shared("python3.11").run(
        "print('one\\ntwo')\nprint()\nprint('  three\\t')\nsys.stdout.write('no end')"
    )

    assert called.printed == ["one", "two", "", "  three\t", "no end"]


def test_4_3_python_logs_with_level_time_and_request(live: LiveDock) -> None:
    called = live.shared("python3.11").run(
        "log = logging.getLogger()\nlog.warning('sawdust')\nlog.info('not shown')"
    )

    (line,) = called.printed
    assert re.fullmatch(rf"\[WARNING\]\t{MOMENT}\t{called.request_id}\tsawdust", line)


def test_4_3_an_exception_of_python_is_one_line_indented_with_no_break_spaces(
    live: LiveDock,
) -> None:
    called = live.shared("python3.11").call("fail")

    assert called.printed == [
        "[ERROR] Exception: Handler fails\n"
        "Traceback (most recent call last):\n"
        f'{SPACE * 2}File "/var/task/main.py", line 13, in handler\n'
        f'{SPACE * 4}raise Exception("Handler fails")'
    ]


def test_4_3_stdout_and_stderr_are_merged_in_their_order(live: LiveDock) -> None:
    called = live.shared("python3.11").run(
        "for number in range(20):\n"
        "    print(number, file=(sys.stdout, sys.stderr)[number % 2], flush=True)"
    )

    assert called.printed == [str(number) for number in range(20)]


def test_4_3_console_says_time_request_and_level(live: LiveDock) -> None:
    called = live.shared("nodejs20.x").run(
        "console.log('one\\ntwo'); console.info({a: 1}); console.warn('w'); console.error('e');"
        "console.debug('d'); console.trace('t'); process.stdout.write('as it is\\n');"
    )

    start = rf"{MOMENT}\t{called.request_id}\t"
    expected = [
        rf"{start}INFO\tone\ntwo",
        rf"{start}INFO\t\{{ a: 1 \}}",
        rf"{start}WARN\tw",
        rf"{start}ERROR\te",
        rf"{start}DEBUG\td",
        rf"{start}TRACE\tt",
        "as it is",
    ]
    assert len(called.printed) == len(expected)
    for line, pattern in zip(called.printed, expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_4_3_in_the_init_of_node_there_is_no_request(live: LiveDock) -> None:
    code = "console.log('sawdust'); exports.handler = async () => {};\n"

    called = live.deploy("nodejs20.x", code).call()

    assert re.fullmatch(rf"{MOMENT}\tundefined\tINFO\tsawdust", called.lines[1])


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("throw new TypeError('leg');", "Invoke Error"),
        (
            "setImmediate(() => { throw new TypeError('leg'); }); await new Promise(() => {});",
            "Uncaught Exception",
        ),
    ],
)
def test_4_3_an_error_of_node_is_one_line_of_json(live: LiveDock, code: str, label: str) -> None:
    called = live.shared("nodejs20.x").run(code)

    (line,) = called.printed
    moment, request, level, said, error = line.split("\t")
    assert re.fullmatch(MOMENT, moment)
    assert (request, level, said) == (called.request_id, "ERROR", f"{label} ")
    assert list(json.loads(error)) == ["errorType", "errorMessage", "stack"]
    assert json.loads(error)["errorType"] == "TypeError"


def test_4_3_a_script_writes_as_it_likes(live: LiveDock) -> None:
    called = live.shared("provided.al2023").run("echo one; echo two >&2; printf 'three\\rfour'")

    assert called.printed == ["one", "two", "three\rfour"]


def test_4_3_python_logs_json(live: LiveDock) -> None:
    function = live.doer("python3.11", environment=JSON)
    called = function.run(
        "print('as it is')\nlogging.getLogger('saw').warning('one\\ntwo')\nraise ValueError('leg')"
    )

    plain, logged, error = [line for line in called.lines if "platform." not in line]
    assert plain == "as it is"
    said = json.loads(logged)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said.pop("timestamp"))
    assert said == {
        "level": "WARNING",
        "message": "one\ntwo",
        "logger": "saw",
        "requestId": called.request_id,
    }
    told = json.loads(error)
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "leg")
    assert told["level"] == "ERROR"  # as AWS's present client says it; an earlier one: log_level
    assert (told["requestId"], len(told["stackTrace"])) == (called.request_id, 2)


def test_4_3_node_logs_json(live: LiveDock) -> None:
    function = live.doer("nodejs20.x", environment=JSON)
    called = function.run("console.warn('one\\ntwo'); throw new TypeError('leg');")

    logged, error = [json.loads(line) for line in called.lines if "platform." not in line]
    assert re.fullmatch(MOMENT, logged.pop("timestamp"))
    assert logged == {"level": "WARN", "requestId": called.request_id, "message": "one\ntwo"}
    assert (error["level"], error["requestId"]) == ("ERROR", called.request_id)
    assert error["message"]["errorType"] == "TypeError"
