"""A call as code that does it again: curl, boto3, the JavaScript SDK, pytest. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Snippet:
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class AgainCall:
    """What is to be done again: a task, a direct execution, an API request or an invocation."""

    kind: str
    function: str
    url: str
    """The server's address, without a slash at its end."""
    data: Any = None
    """Of a task or a direct execution."""
    event: Any = None
    """As the function got it."""
    method: str = "GET"
    path: str = ""
    """Of an API request: behind the function's name, with a slash and the query."""


def snippets(call: AgainCall) -> list[Snippet]:
    return [
        Snippet("curl", _curl(call)),
        Snippet("boto3", _boto3(call)),
        Snippet("JavaScript SDK", _sdk(call)),
        Snippet("pytest", _pytest(call)),
    ]


def _curl(call: AgainCall) -> str:
    if call.kind == "api":
        address = f"{call.url}/tasks/v1/api/{call.function}{call.path}"
        body = _body(call.event)
        return _shell("curl", "-sS", "-X", call.method, address, *(["-d", body] if body else []))
    if call.kind == "invocation":
        address = f"{call.url}/2015-03-31/functions/{call.function}/invocations"
        return _shell("curl", "-sS", address, "-d", _json(call.event))
    sent = {} if call.data is None else {"data": call.data}
    if call.kind == "execution":
        address = f"{call.url}/tasks/v1/functions/{call.function}/execute"
    else:
        address, sent = f"{call.url}/tasks/v1/", {"functionName": call.function, **sent}
    header = "Content-Type: application/json"
    return _shell("curl", "-sS", address, "-H", header, "-d", _json(sent))


def _boto3(call: AgainCall) -> str:
    event = _json(call.event)
    return f"""import boto3

client = boto3.client(
    "lambda",
    endpoint_url={_text(call.url)},
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
)
answer = client.invoke(FunctionName={_text(call.function)}, Payload={_text(event)})
print(answer["Payload"].read().decode())
"""


def _sdk(call: AgainCall) -> str:
    data = call.data if call.kind in ("task", "execution") else call.event
    words = f"functionName: {_json(call.function)}, data: {_json(data or {})}"
    verb = f"exh.tasks.create({{ {words} }})"
    if call.kind != "task":
        verb = f"exh.tasks.functions.execute({{ {words} }})"
    if call.kind == "api":
        place = f"{_json(call.function)}, {_json(call.path)}"
        verb = f"exh.tasks.api.{_verb(call)}({place}{_sdk_body(call)})"
    return f"""import {{ createOAuth1Client }} from '@extrahorizon/javascript-sdk';

// `taskdock env` prints these variables
const {{ env }} = process;
const exh = createOAuth1Client({{
  host: {_json(call.url)},
  consumerKey: env.API_OAUTH_CONSUMER_KEY,
  consumerSecret: env.API_OAUTH_CONSUMER_SECRET,
  token: env.API_OAUTH_TOKEN,
  tokenSecret: env.API_OAUTH_TOKEN_SECRET,
}});
const answer = await {verb};
console.log(JSON.stringify(answer));
"""


def _pytest(call: AgainCall) -> str:
    function, data = _text(call.function), call.data or {}
    if call.kind == "task":
        does = f"done = taskdock.tasks.create({function}, {data!r}).wait()"
        checks = 'done.status == "complete"'
    elif call.kind == "api":
        body = _body(call.event)
        words = [_text(call.method), repr(call.path), *([f"data={body!r}"] if body else [])]
        does = f"answer = taskdock.api({function}).request({', '.join(words)})"
        checks = "answer.status_code == 200"
    elif call.kind == "execution":
        does = f"answer = taskdock.execute({function}, {data!r})"
        checks = "answer.error is None"
    else:
        run = {"functionName": call.function, "event": call.event, "answer": None}
        does = f"run = {{'taskdock': 'run', 'version': 1, 'run': {run!r}}}"
        checks = "taskdock.replay(run).after.error is None"
    return f"""# run it with: pytest --taskdock-url {call.url}
def test_{re.sub(r"[^A-Za-z0-9_]", "_", call.function)}(taskdock):
    {does}
    assert {checks}
"""


def _verb(call: AgainCall) -> str:
    return {"POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete"}.get(
        call.method, "get"
    )


def _sdk_body(call: AgainCall) -> str:
    body = _body(call.event)
    return f", {_json(body)}" if body and call.method in ("POST", "PUT", "PATCH") else ""


def _body(event: Any) -> str:
    """The body of an API request's event, where it is text."""
    if not isinstance(event, Mapping) or event.get("isBase64Encoded"):
        return ""
    return str(event.get("body") or "")


def _shell(*words: str) -> str:
    return shlex.join(words)


def _json(value: Any) -> str:
    return json.dumps(value)


def _text(text: str) -> str:
    """As a literal of Python's."""
    return json.dumps(text)
