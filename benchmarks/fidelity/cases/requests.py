"""Cases of calls that AWS's Invoke API treats in a special way."""

from __future__ import annotations

import json
import time

from benchmarks.call import VERSION, Answer, Called
from benchmarks.fidelity.case import Case, Row, body, calls, header, python, status
from benchmarks.fidelity.seen import Seen


def _message_begins(seen: Seen) -> str:
    begins = "Could not parse request body into json"
    message = json.loads(seen.answers[0].body).get("message", "")
    return begins if message.startswith(begins) else seen.body(0)


NOT_JSON = Case(
    "not-json",
    "An event that is not JSON",
    python(
        """
        def handler(event, context):
            return event
        """
    ),
    calls(b"not json"),
    (
        Row("status", "400", "R", status(0)),
        Row(
            "`X-Amzn-Errortype`",
            "InvalidRequestContentException",
            "R",
            header(0, "X-Amzn-Errortype"),
        ),
        Row("message begins", "Could not parse request body into json", "R", _message_begins),
    ),
)


_UNKNOWN = "no-such-function"


UNKNOWN_FUNCTION = Case(
    "unknown-function",
    "A call of a function that does not exist",
    python(
        """
        def handler(event, context):
            return event
        """
    ),
    lambda called: [called.request("POST", f"{VERSION}/functions/{_UNKNOWN}/invocations", b"{}")],
    (
        Row("status", "404", "R", status(0)),
        Row("`X-Amzn-Errortype`", "ResourceNotFoundException", "R", header(0, "X-Amzn-Errortype")),
        Row(
            "body",
            '{"Type":"User","Message":"Function not found: arn:aws:lambda:<region>:<account>'
            ':function:no-such-function:$LATEST"}',
            "R",
            body(0),
        ),
    ),
    needs="names",
)


def _play_types(called: Called) -> list[Answer]:
    """DryRun, Event, and then calls that tell what ran, until it is the Event or for 5 s.

    A call before them makes an environment, so that all of them find the same one.
    """
    called.call({"kind": "count"})
    kinds = ("DryRun", "Event")
    answers = [called.call({"kind": kind}, X_Amz_Invocation_Type=kind) for kind in kinds]
    for _ in range(5):
        time.sleep(1)
        answers.append(called.call({"kind": "count"}))
        if b"Event" in answers[-1].body or "ran Event" in called.log():
            break
    return answers


def _ran(seen: Seen, kind: str) -> str:
    ran = f"ran {kind}" in seen.log or kind.encode() in seen.answers[-1].body
    return "runs" if ran else "does not run"


def _emptiness(seen: Seen, number: int) -> str:
    answer = seen.answers[number]
    return "empty" if answer.status and not answer.body else seen.body(number)


INVOCATION_TYPES = Case(
    "invocation-types",
    "Invocation types DryRun and Event",
    python(
        """
        import os

        def handler(event, context):
            print("ran", event["kind"], flush=True)
            if event["kind"] != "count":
                with open("/tmp/ran", "a") as file:
                    file.write(event["kind"])
                return None
            return open("/tmp/ran").read() if os.path.exists("/tmp/ran") else ""
        """
    ),
    _play_types,
    (
        Row("DryRun: status", "204", "D", status(0)),
        Row(
            "DryRun: `X-Amz-Executed-Version`",
            "absent",
            "R",
            header(0, "X-Amz-Executed-Version"),
        ),
        Row("DryRun: body", "empty", "D", lambda seen: _emptiness(seen, 0)),
        Row("DryRun: the function", "does not run", "D", lambda seen: _ran(seen, "DryRun")),
        Row("Event: status", "202", "D", status(1)),
        Row("Event: body", "empty", "D", lambda seen: _emptiness(seen, 1)),
        Row("Event: the function", "runs", "D", lambda seen: _ran(seen, "Event")),
    ),
)
