"""What callers of a function see of one way that it ends: by every API, and in its log.

Two ways are the same when what is seen of them is equal: ids, times, durations and measured memory
are replaced by words.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tests.support.aws import NAME
from tests.support.builders import FINAL, Dock

Json = dict[str, Any]

MARK = "taskdock: injected fault "
_JSON_MARK = '"type":"taskdock.injectedFault"'
_PLAIN = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<request>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"\b([0-9a-f]{24}|[0-9a-f]{32})\b", "<id>"),
    (r"Duration: [\d.]+ ms", "Duration: <ms>"),
    (r"Max Memory Used: \d+ MB", "Max Memory Used: <MB>"),
    (r'"(billedD|d|initD)urationMs":[\d.]+', '"<ms>"'),
    (r'"maxMemoryUsedMB":\d+', '"<MB>"'),
)


def plain(text: str) -> str:
    """The text without what differs from one invocation to the next."""
    for pattern, word in _PLAIN:
        text = re.sub(pattern, word, text)
    return text


def unmarked(lines: list[str]) -> list[str]:
    """A log without the line that marks an injected fault."""
    return [plain(line) for line in lines if not any(mark in line for mark in (MARK, _JSON_MARK))]


def by_invoke(dock: Dock, aws: Any) -> Json:
    """The answer of AWS's Invoke, with the end of the log."""
    try:
        answer = aws.invoke(FunctionName=NAME, Payload=b"{}", LogType="Tail")
    except ClientError as error:
        response = error.response
        status = response.pop("ResponseMetadata")["HTTPStatusCode"]
        return {"status": status, "error": plain(repr(response))}
    log = base64.b64decode(answer["LogResult"]).decode().splitlines()
    return {
        "status": answer["StatusCode"],
        "error": answer.get("FunctionError"),
        "body": plain(answer["Payload"].read().decode()),
        "log": unmarked(log),
    }


def by_execution(dock: Dock, aws: Any) -> Json:
    answer = dock.execute()
    body = answer.json()
    log = unmarked(dock.all_logs(body["taskId"])) if "taskId" in body else None
    return {"status": answer.status_code, "body": plain(repr(body)), "log": log}


def by_task(dock: Dock, aws: Any) -> Json:
    task = dock.reach(dock.create_task(), *FINAL)
    error = plain(repr(task.get("error")))
    return {"status": task["status"], "error": error, "log": unmarked(dock.all_logs(task["id"]))}


def by_api_function(dock: Dock, aws: Any) -> Json:
    answer = dock.call("GET", f"/api/{NAME}")
    request = dock.get("/apiRequests?sort(-timestamp)&limit(1)").json()["data"][0]
    logs = dock.get(f"/apiRequests/{request['id']}/logs?limit(1000)")
    lines = [line["message"] for line in logs.json()["data"]] if logs.ok else []
    return {
        "status": answer.status_code,
        "body": plain(answer.text),
        "error": plain(repr(request.get("error"))),
        "log": unmarked(lines),
    }


WAYS: dict[str, Callable[[Dock, Any], Json]] = {
    "invoke": by_invoke,
    "execution": by_execution,
    "task": by_task,
    "API function": by_api_function,
}
