"""The fields of Try it that would give a function an event that it had once more. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.ui.rendering import words

# Headers that the server and its client's connection make anew.
_MADE = ("content-length", "host", "x-forwarded-", "x-exh-requesting-", "x-amzn-trace-id")


def event_text(run: RunJson) -> str:
    """The event as the editor has it. Of a task and a direct execution that is the data, since the
    function gets a task anew."""
    event = run["event"]
    if run["kind"] in ("task", "execution") and isinstance(event, dict):
        event = event.get("data") or {}
    return words.pretty(event)


def fields_of(run: RunJson) -> dict[str, str]:
    """The values of the form's fields, with the way in which the run was asked for."""
    event = run["event"]
    if run["kind"] != "api" or not isinstance(event, dict):
        return {"way": run["kind"], "event": event_text(run)}
    http = _mapping(_mapping(event.get("requestContext")).get("http"))
    headers = {**_mapping(event.get("headers"))}
    if event.get("cookies"):
        headers["cookie"] = "; ".join(map(str, event["cookies"]))
    return {
        "way": "api",
        "method": str(http.get("method", "GET")),
        "path": f"{event.get('rawPath', '/')}{event.get('rawQueryString', '')}",
        "headers": "\n".join(
            f"{name}: {value}"
            for name, value in headers.items()
            if not name.lower().startswith(_MADE)
        ),
        "body": _body(event),
    }


def _body(event: Mapping[str, Any]) -> str:
    body = str(event.get("body") or "")
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body).decode(errors="replace")
    except ValueError:
        return body


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
