"""Outcomes in Lambda's words."""

import json

import pytest

from emulator.lambdas import outcome
from emulator.lambdas.outcome import Cause, ContainerEnd

ID = "8f5a"


def test_a_time_limit_is_named_with_two_decimals():
    failure = outcome.timed_out(ID, 3)

    assert failure.body == (
        b'{"errorType":"Sandbox.Timedout",'
        b'"errorMessage":"RequestId: 8f5a Error: Task timed out after 3.00 seconds"}'
    )


@pytest.mark.parametrize(
    ("end", "cause", "name", "why"),
    [
        (ContainerEnd(0), Cause.CRASH, "Runtime.ExitError", "exited without providing a reason"),
        (ContainerEnd(3), Cause.CRASH, "Runtime.ExitError", "exited with error: exit status 3"),
        (ContainerEnd(129), Cause.CRASH, "Runtime.ExitError", "with error: exit status 129"),
        (ContainerEnd(134), Cause.CRASH, "Runtime.ExitError", "signal: aborted (core dumped)"),
        (ContainerEnd(137), Cause.CRASH, "Runtime.ExitError", "with error: signal: killed"),
        (ContainerEnd(None), Cause.CRASH, "Runtime.ExitError", "with error: signal: killed"),
        (ContainerEnd(139), Cause.CRASH, "Runtime.ExitError", "segmentation fault (core dumped)"),
        (ContainerEnd(143), Cause.CRASH, "Runtime.ExitError", "with error: signal: terminated"),
        (ContainerEnd(137, True), Cause.MEMORY, "Runtime.OutOfMemory", "error: signal: killed"),
    ],
)
def test_the_end_of_a_runtime_is_explained(end, cause, name, why):
    failure = outcome.ended(ID, end)

    assert (failure.cause, failure.name) == (cause, name)
    assert failure.message.startswith(f"RequestId: {ID} Error: Runtime exited")
    assert failure.message.endswith(why)
    assert json.loads(failure.body) == {"errorType": name, "errorMessage": failure.message}


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
