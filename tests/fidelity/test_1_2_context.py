"""What the runtime's clients make of the headers of `next`: the context that a handler is given."""

from __future__ import annotations

import re

import pytest

from tests.support.live_dock import LiveDock

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

MEMORY = {
    "python3.11": "result = context.memory_limit_in_mb",
    "nodejs20.x": "return context.memoryLimitInMB;",
}
NAMES = {
    "python3.11": "result = [context.function_name, context.function_version,"
    " context.invoked_function_arn, context.aws_request_id, context.log_group_name,"
    " context.log_stream_name]",
    "nodejs20.x": "return [context.functionName, context.functionVersion,"
    " context.invokedFunctionArn, context.awsRequestId, context.logGroupName,"
    " context.logStreamName];",
}
REMAINING = {
    "python3.11": "result = context.get_remaining_time_in_millis()",
    "nodejs20.x": "return context.getRemainingTimeInMillis();",
}


@pytest.mark.parametrize("runtime", MEMORY)
def test_1_2_the_memory_limit_is_text(live: LiveDock, runtime: str) -> None:
    assert live.shared(runtime).run(MEMORY[runtime]).result == "128"


@pytest.mark.parametrize("runtime", NAMES)
def test_1_2_the_context_names_function_request_and_log(live: LiveDock, runtime: str) -> None:
    function = live.shared(runtime)

    called = function.run(NAMES[runtime])

    *names, stream = called.result
    assert names == [
        function.name,
        "$LATEST",
        f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}",
        called.request_id,
        f"/aws/lambda/{function.name}",
    ]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)


@pytest.mark.parametrize("runtime", REMAINING)
def test_1_2_the_time_that_remains_is_the_functions_limit(live: LiveDock, runtime: str) -> None:
    """Init is no part of it: it counts from when the event is handed out."""
    remaining = live.doer(runtime, time_limit=300).run(REMAINING[runtime]).result

    assert 290_000 < remaining <= 300_000


def test_1_2_the_context_of_node_has_its_members_in_this_order(live: LiveDock) -> None:
    called = live.shared("nodejs20.x").run("return context;")

    assert list(called.result) == [
        "callbackWaitsForEmptyEventLoop",
        "functionVersion",
        "functionName",
        "memoryLimitInMB",
        "logGroupName",
        "logStreamName",
        "invokedFunctionArn",
        "awsRequestId",
    ]


def test_1_2_the_context_of_node_can_be_called(live: LiveDock) -> None:
    code = "return Object.keys(context).filter(key => typeof context[key] === 'function').sort();"

    assert live.shared("nodejs20.x").run(code).result == [
        "done",
        "fail",
        "getRemainingTimeInMillis",
        "succeed",
    ]
