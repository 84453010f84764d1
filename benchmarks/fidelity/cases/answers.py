"""Cases of results: bytes, sizes, streams, and the state that is kept between calls."""

from __future__ import annotations

import re

from benchmarks.call import Answer, Called
from benchmarks.fidelity.case import (
    Case,
    Row,
    body,
    calls,
    header,
    next_works,
    no_function_error,
    node,
    python,
    status,
    status_row,
    unhandled,
)
from benchmarks.fidelity.seen import Seen
from benchmarks.function import Function

MIB = 1024 * 1024


LARGEST_RESULT = 6 * MIB + 100


LARGEST_EVENT = 6 * MIB


def _play_unlike_payloads(called: Called) -> list[Answer]:
    return [called.call({"greeting": "hello"}), called.call(b""), called.call(b"null")]


ANSWER = Case(
    "answer",
    "A function that returns its event",
    python(
        """
        def handler(event, context):
            return event
        """
    ),
    _play_unlike_payloads,
    (
        status_row(),
        Row("result", '{"greeting": "hello"}', "R", body(0)),
        Row("`Content-Type`", "application/json", "R", header(0, "Content-Type")),
        Row("`X-Amz-Executed-Version`", "$LATEST", "R", header(0, "X-Amz-Executed-Version")),
        Row(
            "`x-amzn-RequestId`",
            "<id>",
            "R",
            lambda seen: re.sub("[0-9a-f-]{36}", "<id>", seen.header(0, "x-amzn-RequestId")),
        ),
        no_function_error("R"),
        Row("event when nothing is sent", "{}", "R", body(1)),
        Row("event and result `null`", "null", "R", body(2)),
    ),
)


_BYTES = (
    b'{ "z": 1.0,\n "a": "\xc3\xa9 \\u00e9 \\/", "n": 123456789012345678901234567890, "z" : 1e2 }'
)


_ECHO = """\
#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  curl -sS -D /tmp/headers -o /tmp/event "$api/next"
  id=$(grep -i '^lambda-runtime-aws-request-id:' /tmp/headers | tr -d '\\r' | cut -d' ' -f2)
  curl -sS -o /dev/null --data-binary @/tmp/event "$api/$id/response"
done
"""


PASS_THROUGH = Case(
    "pass-through",
    "A process of one's own (provided.al2023) that posts the event's bytes as its result",
    Function({"bootstrap": _ECHO}, runtime="provided.al2023", handler="any"),
    calls(_BYTES),
    (
        Row(
            "spacing, key order, repeated keys, escapes, large numbers",
            "the same bytes",
            "S",
            lambda seen: "the same bytes" if seen.answers[0].body == _BYTES else seen.body(0),
        ),
    ),
)


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def _refused(seen: Seen, number: int) -> str:
    if seen.answers[number].status == 200:
        return "taken"
    kind = seen.header(number, "X-Amzn-Errortype").partition(":")[0]
    return f"{seen.status(number)} {kind}"


UNUSUAL_EVENTS = Case(
    "unusual-events",
    "The same process, with events at the limits of JSON",
    Function({"bootstrap": _ECHO}, runtime="provided.al2023", handler="any"),
    calls(b'\xef\xbb\xbf{"a": 1}', _nested(990), _nested(1000), _nested(1001)),
    (
        Row("with a byte order mark", "taken", "R", lambda seen: _refused(seen, 0)),
        *(
            Row(
                f"{depth} arrays in each other",
                "the same bytes",
                "R",
                lambda seen, number=number, depth=depth: (
                    "the same bytes"
                    if seen.answers[number].body == _nested(depth)
                    else _refused(seen, number)
                ),
            )
            for number, depth in ((1, 990), (2, 1000))
        ),
        Row(
            "1001 arrays in each other",
            "400 InvalidRequestContentException",
            "R",
            lambda seen: _refused(seen, 3),
        ),
    ),
)


STATE = Case(
    "state",
    "Three calls, one after the other",
    python(
        """
        import os

        count = 0

        def handler(event, context):
            global count
            count += 1
            with open("/tmp/calls", "a") as file:
                file.write("x")
            return [count, os.path.getsize("/tmp/calls")]
        """
    ),
    calls({}, {}, {}),
    (
        Row(
            "a global variable",
            "1, 2, 3",
            "R",
            lambda seen: ", ".join(str(answer.value[0]) for answer in seen.answers),
        ),
        Row(
            "a file in /tmp",
            "1, 2, 3",
            "R",
            lambda seen: ", ".join(str(answer.value[1]) for answer in seen.answers),
        ),
    ),
)


def _sized(size: int) -> bytes:
    return b'"%s"' % (b"x" * (size - 2))


EVENT_SIZE = Case(
    "event-size",
    "Events of 6 MiB, and of one byte more",
    python(
        """
        def handler(event, context):
            return len(event) + 2
        """,
        memory=512,
    ),
    calls(_sized(LARGEST_EVENT), _sized(LARGEST_EVENT + 1)),
    (
        Row("6 MiB", str(LARGEST_EVENT), "D", body(0)),
        Row("one more: status", "413", "R", status(1)),
        Row(
            "`X-Amzn-Errortype`",
            "RequestEntityTooLargeException",
            "R",
            header(1, "X-Amzn-Errortype"),
        ),
        Row(
            "body",
            '{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction'
            ' operation"}',
            "R",
            body(1),
        ),
    ),
)


RESULT_SIZE = Case(
    "result-size",
    "Results of 6 MiB + 100 bytes, and of one byte more",
    python(
        """
        def handler(event, context):
            return "x" * (event["bytes"] - 2)
        """,
        memory=512,
    ),
    calls({"bytes": LARGEST_RESULT}, {"bytes": LARGEST_RESULT + 1}, {"bytes": 4}),
    (
        Row(
            "6 MiB + 100",
            f"{LARGEST_RESULT} bytes",
            "S",
            lambda seen: f"{len(seen.answers[0].value) + 2} bytes",
        ),
        Row(
            "one more",
            '{"errorMessage":"Response payload size exceeded maximum allowed payload size'
            ' (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}',
            "R",
            body(1),
        ),
        unhandled(1),
        next_works(),
    ),
)


def _play_streaming(called: Called) -> list[Answer]:
    path = f"/2021-11-15/functions/{called.path.rpartition('/')[2]}/response-streaming-invocations"
    return [called.call({}), called.request("POST", path, b"{}")]


STREAMING = Case(
    "streaming",
    "Node.js: a result that is streamed",
    node(
        """
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
          stream.write("one ");
          stream.write("two");
          stream.end();
        });
        """
    ),
    _play_streaming,
    (
        Row("Invoke: the whole of it", "one two", "S", body(0)),
        Row("InvokeWithResponseStream: status", "200", "D", status(1)),
        Row("`Content-Type`", "application/vnd.amazon.eventstream", "D", header(1, "Content-Type")),
        Row(
            "frames",
            "PayloadChunk, InvokeComplete",
            "D",
            lambda seen: (
                ", ".join(
                    kind
                    for kind in ("PayloadChunk", "InvokeComplete")
                    if kind.encode() in seen.answers[1].body
                )
                or "none"
            ),
        ),
    ),
)
