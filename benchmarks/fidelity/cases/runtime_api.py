"""Cases of handlers that call the Runtime API themselves."""

from __future__ import annotations

import json

from benchmarks.fidelity.case import (
    Case,
    Row,
    body,
    calls,
    field,
    line,
    next_works,
    no_function_error,
    python,
)
from benchmarks.fidelity.seen import Seen

AFTER_ANSWER = Case(
    "after-answer",
    "A handler that posts its answer to the Runtime API itself, once more, and ends its process",
    python(
        """
        import http.client, json, os

        def post(path, body):
            connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
            connection.request("POST", f"/2018-06-01/runtime/{path}", body)
            answer = connection.getresponse()
            return f"{answer.status} {json.loads(answer.read()).get('errorType', '')}"

        def handler(event, context):
            if not event.get("end"):
                return "fine"
            path = f"invocation/{context.aws_request_id}/response"
            print("first", post(path, '"posted"'), flush=True)
            print("second", post(path, '"again"'), flush=True)
            os._exit(1)
        """
    ),
    calls({"end": True}, {}),
    (
        Row("result", '"posted"', "S", body(0)),
        no_function_error("S"),
        Row("first post", "first 202", "S", line("first")),
        Row("second post", "second 403 InvalidStateTransition", "S", line("second")),
        next_works(),
    ),
)


RUNTIME_API = Case(
    "runtime-api",
    "A handler that talks to the Runtime API out of turn",
    python(
        """
        import http.client, json, os

        def ask(method, path):
            connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=2)
            connection.request(method, f"/2018-06-01/runtime/{path}", "{}")
            return connection.getresponse()

        def refusal(path):
            answer = ask("POST", path)
            return f"{answer.status} {json.loads(answer.read()).get('errorType', '')}"

        def handler(event, context):
            wrong = "invocation/00000000-0000-4000-8000-000000000000"
            again = ask("GET", "invocation/next").getheader("Lambda-Runtime-Aws-Request-Id")
            unknown = ask("GET", "nothing")
            return {
                "unknown": f"{unknown.status} {unknown.read().decode().strip()}",
                "response": refusal(f"{wrong}/response"),
                "error": refusal(f"{wrong}/error"),
                "init": refusal("init/error"),
                "again": "the same one" if again == context.aws_request_id else "another one",
            }
        """
    ),
    calls({}),
    (
        Row("a path that there is not", "404 404 page not found", "S", field("unknown")),
        Row("response to an unknown id", "400 InvalidRequestID", "S", field("response")),
        Row("error to an unknown id", "400 InvalidRequestID", "S", field("error")),
        Row("init/error after init", "403 InvalidStateTransition", "S", field("init")),
        Row("next while an invocation is open", "the same one", "S", field("again")),
    ),
)


_CAUSE = json.dumps(
    {
        "errorMessage": "message",
        "errorType": "Type",
        "stackTrace": ["here"],
        "errorCause": {"working_directory": "/", "exceptions": [], "paths": []},
    }
)


def _invalid(seen: Seen) -> str:
    words = "Invalid error body"
    return words if words in seen.body(1) else seen.body(1)


ERROR_CAUSE = Case(
    "error-cause",
    "A handler that posts an error with its cause to the Runtime API",
    python(
        """
        import http.client, os

        def handler(event, context):
            connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
            path = f"/2018-06-01/runtime/invocation/{context.aws_request_id}/error"
            kind = {"Content-Type": "application/vnd.aws.lambda.error.cause+json"}
            connection.request("POST", path, event["body"], kind)
            connection.getresponse().read()
            os._exit(0)
        """
    ),
    calls({"body": _CAUSE}, {"body": "not JSON"}),
    (
        Row(
            "body",
            '{"errorMessage":"message","errorType":"Type","stackTrace":["here"]}',
            "S",
            body(0),
        ),
        Row("body, where it is not JSON", "Invalid error body", "S", _invalid),
    ),
)
