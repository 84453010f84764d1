"""A call as code that does it again: curl, boto3, the JavaScript SDK, pytest. Pure."""

from __future__ import annotations

import base64
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
    """A call that is to be done again: a task, an execution, an API request or an invocation."""

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
        return _shell("curl", "-sS", "-X", call.method, address, *_curl_body(call.event))
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
    name, data = _json(call.function), call.data or {}
    verb = f"exh.tasks.create({{ functionName: {name}, data: {_json(data)} }})"
    if call.kind == "execution":
        verb = f"exh.tasks.functions.execute({name}, {_json(data)})"
    elif call.kind == "invocation":  # the nearest that the service has
        verb = f"exh.tasks.functions.execute({name}, {_json(_object(call.event))})"
    elif call.kind == "api":
        place = f"{name}, {_json(call.path)}"
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
        body, kind = _body(call.event), _media_type(call.event)
        words = [_text(call.method), repr(call.path)]
        words += [f"data={body!r}.encode()"] if body else []
        words += [f"headers={ {'Content-Type': kind}!r}"] if body and kind else []
        does = f"answer = taskdock.api({function}).request({', '.join(words)})"
        checks = "answer.status_code == 200"
    elif call.kind == "execution":
        does = f"answer = taskdock.execute({function}, {data!r})"
        checks = "answer.error is None"
    else:
        run = {"functionName": call.function, "event": call.event, "answer": None}
        does = f"run = {{'taskdock': 'run', 'version': 1, 'run': {run!r}}}"
        checks = "'error' not in taskdock.replay(run).after"
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
    if not body or call.method not in ("POST", "PUT", "PATCH"):
        return ""
    try:
        return f", {_json(json.loads(body))}"
    except ValueError:
        return f", {_json(body)}"


def _curl_body(event: Any) -> list[str]:
    body, kind = _body(event), _media_type(event)
    header = ["-H", f"Content-Type: {kind}"] if kind else []
    return [*header, "--data-binary", body] if body else []


def _body(event: Any) -> str:
    """The body of an API request's event, where it is text."""
    body = _object(event).get("body")
    if not isinstance(body, str):
        return ""
    if not _object(event).get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body).decode()
    except ValueError:
        return ""


def _media_type(event: Any) -> str:
    headers = _object(event).get("headers")
    return str(_object(headers).get("content-type", ""))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _shell(*words: str) -> str:
    return shlex.join(words)


def _json(value: Any) -> str:
    return json.dumps(value)


def _text(text: str) -> str:
    """As a literal of Python's."""
    return json.dumps(text)
