"""The event of a run as fields of *Try it*, to be edited and run. Pure."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.ui.rendering import words


def fields_of(run: RunJson) -> dict[str, str]:
    """The fields that a run like this one is made of again."""
    way, event = run["kind"], run["event"]
    if way == "api" and isinstance(event, dict) and "rawPath" in event:
        return {"way": "api", **_request_of(event)}
    return {"way": "invocation" if way == "api" else way, "event": text_of(run)}


def text_of(run: RunJson) -> str:
    """The event to give again. Of a task that is the data, since the function gets a task anew."""
    event = run["event"]
    of_task = run["kind"] in ("task", "execution") and isinstance(event, dict)
    return words.pretty((event.get("data") or {}) if of_task else event)


def _request_of(event: Mapping[str, Any]) -> dict[str, str]:
    search = str(event.get("rawQueryString") or "").removeprefix("?")
    body = str(event.get("body") or "")
    if event.get("isBase64Encoded"):
        body = b64decode(body).decode(errors="replace")
    # The others are those that the gateway adds again, or that the new body decides.
    kept = (
        f"{name}: {value}"
        for name, value in (event.get("headers") or {}).items()
        if not name.lower().startswith("x-") and name.lower() not in {"host", "content-length"}
    )
    return {
        "method": str(event.get("requestContext", {}).get("http", {}).get("method", "GET")),
        "path": f"{event['rawPath']}?{search}" if search else str(event["rawPath"]),
        "headers": "\n".join(kept),
        "body": body,
    }
