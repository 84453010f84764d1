"""Errors that a runtime posts with a cause for X-Ray beside them. Pure.

What AWS's own server makes of them, `mime_type_error_cause_json.go` of
https://github.com/aws/aws-lambda-runtime-interface-emulator: the caller gets three fields and not
the cause.
"""

from __future__ import annotations

import json
from typing import Any

CONTENT_TYPE = "application/vnd.aws.lambda.error.cause+json"
_INVALID = b'"Invalid error body"'
_FIELDS = ("errorMessage", "errorType", "stackTrace")


def without_cause(posted: bytes) -> bytes:
    """What the caller gets for the body of such an error: JSON, whatever was posted."""
    try:
        said = json.loads(posted)
    except (ValueError, RecursionError):
        return _INVALID
    fields = _fields(said)
    if fields is None:
        return _INVALID
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _fields(said: Any) -> dict[str, Any] | None:
    """Read as Go reads JSON: names in any case, null for what is not there, no other types."""
    if not isinstance(said, (dict, type(None))):
        return None
    wanted = {field.lower(): field for field in _FIELDS}
    given = {wanted.get(name.lower()): value for name, value in (said or {}).items()}
    message, kind = given.get("errorMessage"), given.get("errorType")
    trace = given.get("stackTrace")
    if not all(isinstance(each, (str, type(None))) for each in (message, kind)):
        return None
    if not isinstance(trace, (list, type(None))):
        return None
    if not all(isinstance(line, (str, type(None))) for line in trace or ()):
        return None
    fields: dict[str, Any] = {"errorMessage": message or "", "errorType": kind or ""}
    return {**fields, "stackTrace": [line or "" for line in trace]} if trace else fields
