"""The Runtime API's fixed replies, in the words of AWS's own server."""

from __future__ import annotations

import json
from http import HTTPStatus

from taskdock.lambdas.outcome import MAX_RESPONSE
from taskdock.web.http.messages import Reply

TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


def error(status: int, type: str, message: str) -> Reply:
    body = json.dumps({"errorMessage": message, "errorType": type}, separators=(",", ":"))
    return Reply(status, body.encode())


ACCEPTED = Reply(202, b'{"status":"OK"}')
UNKNOWN_ID = error(400, "InvalidRequestID", "Invalid request ID")
TRUNCATED = error(400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
BAD_MODE = error(400, "InvalidFunctionResponseMode", "Invalid function response mode")
TOO_LARGE = error(
    413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
)
ENDED = error(500, "InternalServerError", "Internal Server Error")
PONG = Reply(200, b"pong", TEXT)
NO_EXTENSIONS = error(403, "Extension.NotSupported", "Extensions are not supported")
NO_LOGS = error(202, "Logs.NotSupported", "Logs API is not supported")
NO_TELEMETRY = error(202, "Telemetry.NotSupported", "Telemetry API is not supported")
NO_ENDPOINT = Reply(404, b"404 page not found\n", (*TEXT, ("X-Content-Type-Options", "nosniff")))
"""As Go's `http.NotFound` has it, which the router of AWS's server uses: go-chi/chi, `mux.go`."""
WRONG_METHOD = Reply(405, b"", ())


def refuse(_: str, status: int, why: str) -> Reply:
    """Refuses bytes that are no HTTP request, or hardly one: as Go's `net/http`, `server.go`."""
    match status:
        case HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            return Reply(status, b"431 Request Header Fields Too Large", TEXT)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return WRONG_METHOD
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return ENDED
    return Reply(400, b"400 Bad Request", TEXT)
