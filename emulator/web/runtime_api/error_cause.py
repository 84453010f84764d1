"""Errors that a runtime posts with a cause for X-Ray beside them. Pure.

The caller gets three fields and not the cause, as from AWS's own server:
`mime_type_error_cause_json.go` of https://github.com/aws/aws-lambda-runtime-interface-emulator.
"""

from __future__ import annotations

import json
from typing import Any

CONTENT_TYPE = "application/vnd.aws.lambda.error.cause+json"
_INVALID = b'"Invalid error body"'
_FIELDS = ("errorMessage", "errorType", "stackTrace")


def without_cause(posted: bytes) -> bytes:
    """The body that the caller gets for such an error: JSON, whatever was posted."""
    try:
        error = json.loads(posted)
    except (ValueError, RecursionError):
        return _INVALID
    fields = _fields(error)
    if fields is None:
        return _INVALID
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _fields(error: Any) -> dict[str, Any] | None:
    """Reads the fields as Go reads JSON: names in any case, null for a missing field, no other
    types. None: it is no such error."""
    if not isinstance(error, (dict, type(None))):
        return None
    fields_of = {field.lower(): field for field in _FIELDS}
    given = {fields_of.get(name.lower()): value for name, value in (error or {}).items()}
    message, kind = given.get("errorMessage"), given.get("errorType")
    trace = given.get("stackTrace")
    if not all(isinstance(text, (str, type(None))) for text in (message, kind)):
        return None
    if not isinstance(trace, (list, type(None))):
        return None
    if not all(isinstance(line, (str, type(None))) for line in trace or ()):
        return None
    fields: dict[str, Any] = {"errorMessage": message or "", "errorType": kind or ""}
    return {**fields, "stackTrace": [line or "" for line in trace]} if trace else fields
