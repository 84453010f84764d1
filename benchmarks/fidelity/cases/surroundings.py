"""Cases of a function's surroundings: context, variables, user, file system."""

from __future__ import annotations

import base64
import json
import re

from benchmarks.fidelity.case import Case, Row, body, calls, field, python, whose_id
from benchmarks.fidelity.seen import Seen

_CONTEXT = json.dumps({"client": {"installation_id": "phone"}, "custom": {"key": "value"}})


def _field(seen: Seen, key: str) -> str:
    found = re.search(f'"{key}": "([^"]*)"', seen.body(0))
    return found[1] if found else "absent"


CONTEXT = Case(
    "context",
    "What the context holds",
    python(
        """
        def handler(event, context):
            client = context.client_context
            return {
                "id": context.aws_request_id,
                "name": context.function_name,
                "version": context.function_version,
                "memory": context.memory_limit_in_mb,
                "arn": context.invoked_function_arn,
                "group": context.log_group_name,
                "left": context.get_remaining_time_in_millis(),
                "client": client and [client.client.installation_id, client.custom["key"]],
            }
        """
    ),
    lambda called: [
        called.call({}, X_Amz_Client_Context=base64.b64encode(_CONTEXT.encode()).decode())
    ],
    (
        Row(
            "request id",
            "that of the answer",
            "R",
            lambda seen: whose_id(seen, seen.answers[0].value["id"]),
        ),
        Row(
            "function name",
            "that of the function",
            "R",
            lambda seen: (
                "that of the function"
                if seen.answers[0].value["name"] == seen.name
                else seen.answers[0].value["name"]
            ),
        ),
        Row("version", "$LATEST", "R", field("version")),
        Row("memory limit", '"128"', "R", lambda seen: json.dumps(seen.answers[0].value["memory"])),
        Row(
            "ARN",
            "arn:aws:lambda:<region>:<account>:function:<name>",
            "R",
            lambda seen: _field(seen, "arn"),
        ),
        Row("log group", "/aws/lambda/<name>", "R", lambda seen: _field(seen, "group")),
        Row(
            "time left",
            "up to 3 s",
            "S",
            lambda seen: (
                "up to 3 s"
                if 2000 < seen.answers[0].value["left"] <= 3000
                else f"{seen.answers[0].value['left']} ms"
            ),
        ),
        Row(
            "client context",
            '["phone", "value"]',
            "S",
            lambda seen: json.dumps(seen.answers[0].value["client"]),
        ),
    ),
)


def _variable(name: str, aws: str, pattern: str | None = None) -> Row:
    """`pattern`: what the value has to match as a whole to count as `aws`; "" means absent."""

    def look(seen: Seen) -> str:
        value = seen.answers[0].value["variables"].get(name, "absent")
        value = re.sub("^[0-9a-f]{12}$", "<container>", value.replace(seen.name, "<name>"))
        return aws if pattern and re.fullmatch(pattern, value) else str(value)

    return Row(f"`{name}`", aws, "R", look)


ENVIRONMENT = Case(
    "environment",
    "Environment variables",
    python(
        """
        import os

        def handler(event, context):
            return {"variables": dict(os.environ)}
        """,
        environment={"OWN": "of the function"},
    ),
    calls({}),
    (
        _variable("AWS_LAMBDA_FUNCTION_NAME", "<name>"),
        _variable("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        _variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        _variable("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        _variable("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/<name>"),
        _variable(
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "YYYY/MM/DD/[$LATEST]<32 hex digits>",
            r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}",
        ),
        _variable("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11"),
        _variable("AWS_REGION", "a region", "[a-z]+-[a-z]+-[0-9]"),
        _variable("AWS_ACCESS_KEY_ID", "a key", "(?!absent).+"),
        _variable("AWS_SESSION_TOKEN", "a token", "(?!absent).+"),
        _variable("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        _variable(
            "_X_AMZN_TRACE_ID",
            "a trace header",
            "Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01].*",
        ),
        _variable("_HANDLER", "app.handler"),
        _variable("LAMBDA_TASK_ROOT", "/var/task"),
        _variable("TZ", ":UTC"),
        _variable("LANG", "en_US.UTF-8"),
        _variable("PWD", "/var/task"),
        _variable("HOME", "absent"),
        _variable("HOSTNAME", "absent"),
        _variable("AWS_LAMBDA_FUNCTION_TIMEOUT", "absent"),
        _variable("AWS_LAMBDA_FUNCTION_HANDLER", "absent"),
        _variable("OWN", "of the function"),
    ),
)


def _box(what: str, aws: str, key: str) -> Row:
    return Row(what, aws, "R", field(key))


SANDBOX = Case(
    "sandbox",
    "The container from inside",
    python(
        """
        import os, resource

        def attempt(path):
            try:
                open(path, "w").close()
            except OSError:
                return "refused"
            os.remove(path)
            return "possible"

        def size_of_tmp():
            size = os.statvfs("/tmp")
            megabytes = size.f_blocks * size.f_frsize / 1024 / 1024
            return "512 MB" if 450 < megabytes <= 560 else "another"

        def handler(event, context):
            return {
                "user": f"{os.getuid()}:{os.getgid()}",
                "cwd": os.getcwd(),
                "task": attempt("/var/task/file"),
                "root": attempt("/var/file"),
                "tmp": attempt("/tmp/file"),
                "size": size_of_tmp(),
                "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            }
        """
    ),
    calls({}),
    (
        _box("user and group", "993:990", "user"),
        _box("working directory", "/var/task", "cwd"),
        _box("writing to /var/task", "refused", "task"),
        _box("writing to /var", "refused", "root"),
        _box("writing to /tmp", "possible", "tmp"),
        _box("size of /tmp", "512 MB", "size"),
        _box("open files at most", "1024", "files"),
    ),
    needs="container",
)


OWN_CALL = Case(
    "own-call",
    "A handler that calls its function again, at the address that AWS's clients take",
    python(
        """
        import os, urllib.request

        def handler(event, context):
            if event.get("again"):
                return "called"
            names = ("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL")
            url = next((os.environ[name] for name in names if name in os.environ), "")
            if not url:
                return "at Amazon's servers"
            path = f"/2015-03-31/functions/{context.function_name}/invocations"
            with urllib.request.urlopen(url + path, b'{"again": true}') as answer:
                return answer.read().decode().strip('"')
        """,
        timeout=10,
    ),
    calls({}),
    (Row("result", '"called"', "D", body(0)),),
    needs="names",
)
