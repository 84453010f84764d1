"""Outcomes in Lambda's words."""

import json

import pytest

from taskdock.engines.ending import ProgramExit, StartFault, Step
from taskdock.lambdas import outcome
from taskdock.lambdas.outcome import Cause

ID = "8f5a"


def test_a_time_limit_is_named_with_two_decimals():
    failure = outcome.timed_out(ID, 3)

    assert failure.body == (
        b'{"errorType":"Sandbox.Timedout",'
        b'"errorMessage":"RequestId: 8f5a Error: Task timed out after 3.00 seconds"}'
    )


EXITED = "Runtime exited with error: "


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (ProgramExit(code=0), "Runtime exited without providing a reason"),
        (ProgramExit(code=3), EXITED + "exit status 3"),
        *((ProgramExit(code=c), f"{EXITED}exit status {c}") for c in (134, 137, 139, 142, 143)),
        (ProgramExit(), EXITED + "signal: killed"),
        (ProgramExit(signal=1), EXITED + "signal: hangup"),
        (ProgramExit(signal=4), EXITED + "signal: illegal instruction"),
        (ProgramExit(signal=6), EXITED + "signal: aborted"),
        (ProgramExit(signal=9), EXITED + "signal: killed"),
        (ProgramExit(signal=11), EXITED + "signal: segmentation fault"),
        (ProgramExit(signal=13), EXITED + "signal: broken pipe"),
        (ProgramExit(signal=15), EXITED + "signal: terminated"),
        (ProgramExit(signal=31), EXITED + "signal: bad system call"),
        (ProgramExit(signal=34), EXITED + "signal: signal 34"),
    ],
)
def test_the_end_of_a_runtime_is_explained(end, why):
    failure = outcome.ended(ID, end)

    assert (failure.cause, failure.name) == (Cause.CRASH, "Runtime.ExitError")
    assert failure.message == f"RequestId: {ID} Error: {why}"
    assert json.loads(failure.body) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": failure.message,
    }


@pytest.mark.parametrize("end", [{"signal": 9}, {"code": 137}])
def test_a_lack_of_memory_counts_before_what_came_of_it(end):
    failure = outcome.ended(ID, ProgramExit(out_of_memory=True, **end))

    assert (failure.cause, failure.name) == (Cause.MEMORY, "Runtime.OutOfMemory")
    assert failure.message == f"RequestId: {ID} Error: {EXITED}signal: killed"


@pytest.mark.parametrize(
    ("step", "path", "errno", "kind", "why"),
    [
        (
            *(Step.PROGRAM, "/var/task/bootstrap", 2, "Runtime.InvalidEntrypoint"),
            "fork/exec /var/task/bootstrap: no such file or directory",
        ),
        (
            *(Step.PROGRAM, "/opt/bootstrap", 13, "Runtime.InvalidEntrypoint"),
            "fork/exec /opt/bootstrap: permission denied",
        ),
        (
            *(Step.PROGRAM, "./run", 8, "Runtime.InvalidEntrypoint"),
            "fork/exec ./run: exec format error",
        ),
        (
            *(Step.PROGRAM, "/run", 133, "Runtime.InvalidEntrypoint"),
            "fork/exec /run: errno 133",
        ),
        (
            *(Step.PROGRAM, 'app."handler"', 2, "Runtime.InvalidEntrypoint"),
            'exec: "app.\\"handler\\"": executable file not found in $PATH',
        ),
        (
            *(Step.NO_CANDIDATE, "/var/task/bootstrap", 2, "Runtime.InvalidEntrypoint"),
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        ),
        (
            *(Step.NO_CANDIDATE, "", 2, "Runtime.InvalidEntrypoint"),
            "Couldn't find valid bootstrap(s): []",
        ),
        (
            *(Step.WORKING_DIRECTORY, "/no/such/dir", 2, "Runtime.InvalidWorkingDir"),
            "the working directory doesn't exist: /no/such/dir",
        ),
        (
            *(Step.WORKING_DIRECTORY, "/etc/passwd", 20, "Runtime.InvalidWorkingDir"),
            "chdir /etc/passwd: not a directory",
        ),
        (
            *(Step.WORKING_DIRECTORY, "src", 2, "Runtime.InvalidWorkingDir"),
            "the working directory 'src' is invalid, it needs to be an absolute path",
        ),
    ],
)
def test_a_runtime_that_does_not_start_is_explained(step, path, errno, kind, why):
    failure = outcome.ended(ID, ProgramExit(fault=StartFault(step, path, errno)))

    assert (failure.cause, failure.name) == (Cause.CRASH, kind)
    assert failure.message == f"RequestId: {ID} Error: {why}"
    assert json.loads(failure.body) == {"errorType": kind, "errorMessage": failure.message}


@pytest.mark.parametrize(
    ("body", "header", "name", "message"),
    [
        (b'{"errorType":"TypeError","errorMessage":"boom"}', None, "TypeError", "boom"),
        (b'{"errorMessage":"boom"}', "Function.Oops", "Function.Oops", "boom"),
        (b'"just text"', None, "Runtime.Unknown", ""),
        (b"\xff not json", "Runtime.Bad", "Runtime.Bad", ""),
        (b"", "Function.bad", "Function.Unknown", ""),
        (b"[" * 100_000, "Oops", "Runtime.Unknown", ""),
        (b'{"errorType":"A\\ud800","errorMessage":"\\udfff"}', None, "A?", "?"),
    ],
)
def test_an_error_is_what_the_runtime_posted(body, header, name, message):
    failure = outcome.function_error(body, header)

    assert (failure.name, failure.message, failure.body) == (name, message, body)
    assert failure.posted


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.Oops", "Function.Oops"),
        ("Extension.Crash", "Runtime.Unknown"),
        ("Function.", "Function.Unknown"),
        ("Function.Oops!", "Function.Unknown"),
        ("Runtime.oops", "Runtime.Unknown"),
        (" Function.Oops", "Runtime.Unknown"),
        ("", "Runtime.Unknown"),
        (None, "Runtime.Unknown"),
    ],
)
def test_a_type_that_is_not_written_as_on_aws_is_unknown(header, name):
    assert outcome.known_error_type(header) == name


def test_a_response_in_a_mode_that_is_none_is_a_crash():
    failure = outcome.bad_response_mode()

    assert (failure.cause, failure.name) == (Cause.CRASH, "Runtime.InvalidResponseModeHeader")
    assert json.loads(failure.body)["errorMessage"] == failure.message


def test_a_result_over_the_limit_has_its_message_first():
    assert outcome.response_too_large().body.startswith(b'{"errorMessage":"Response payload size')
