"""Makes the HTTP response from the answer of an API function. Pure.

The Task Service's API description says what is allowed: 1409 INVALID_API_FUNCTION_RESULT.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from taskdock.base import strict_json
from taskdock.base.errors import (
    BadApiResult,
    FunctionFailed,
    InvocationFailed,
    TooManyApiRequests,
    Unavailable,
)
from taskdock.lambdas.outcome import Cause, Failure, Outcome

STATUSES = range(200, 500)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_VALUE = re.compile(r"""[a-zA-Z0-9_ :;.,/"'?!(){}\[\]@<>=\-+*#$&`|~^%]*""")
# Headers of the server's own connection; content-length is counted.
_IGNORED = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)


@dataclass(frozen=True, kw_only=True)
class GatewayResponse:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def to_response(outcome: Outcome) -> GatewayResponse:
    """Raises `InvocationFailed`, `Unavailable`, `TooManyApiRequests`, `FunctionFailed`, or
    `BadApiResult`."""
    if isinstance(outcome, Failure):
        _refuse(outcome)
    result = _result(outcome.body)
    headers = _headers(result.get("headers"))
    cookies = _cookies(result.get("cookies"))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    return GatewayResponse(
        status=_status(result.get("statusCode")),
        headers=(*headers, *(("set-cookie", cookie) for cookie in cookies)),
        body=_body(result.get("body"), result.get("isBase64Encoded")),
    )


def _refuse(failure: Failure) -> NoReturn:
    if failure.cause in (Cause.STOPPED, Cause.UNAVAILABLE):
        raise Unavailable(f"{failure.name}: {failure.message}")
    if failure.cause is Cause.THROTTLED:
        raise TooManyApiRequests
    if failure.cause.is_of_invocation:
        raise InvocationFailed(f"{failure.name}: {failure.message}")
    raise FunctionFailed(error_name=failure.name, error_message=failure.message)


def _result(answer: bytes) -> dict[str, Any]:
    try:
        result = strict_json.loads(answer)
    except ValueError as error:
        why = strict_json.explained(error)
        raise BadApiResult(f"an API function has to return JSON: {why}") from None
    if not isinstance(result, dict):
        raise BadApiResult("an API function has to return an object with a statusCode")
    return result


def _status(status: Any) -> int:
    whole = isinstance(status, (int, float)) and not isinstance(status, bool) and status % 1 == 0
    if not whole or int(status) not in STATUSES:
        raise BadApiResult(
            f"statusCode has to be a whole number from {STATUSES[0]} to {STATUSES[-1]},"
            f" not {_shown(status)}"
        )
    return int(status)


def _headers(given: Any) -> list[tuple[str, str]]:
    if not isinstance(given, (dict, type(None))):
        raise BadApiResult("headers has to be an object of names and values")
    headers = [(name, v) for name, v in (given or {}).items() if name.lower() not in _IGNORED]
    for name, value in headers:
        if not _NAME.fullmatch(name):
            raise BadApiResult(f"a header's name has only letters, digits, _ and -: {_shown(name)}")
        _check_value(name, value)
    return headers


def _cookies(given: Any) -> list[str]:
    if not isinstance(given, (list, type(None))):
        raise BadApiResult("cookies has to be a list of strings")
    for cookie in given or ():
        _check_value("set-cookie", cookie)
    return given or []


def _check_value(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise BadApiResult(f"the value of the header {name} has to be a string")
    if not _VALUE.fullmatch(value):
        raise BadApiResult(
            f"the value of the header {name} has characters that are not allowed: {_shown(value)}"
        )


def _body(body: Any, encoded: Any) -> bytes:
    if not isinstance(encoded, (bool, type(None))):
        raise BadApiResult("isBase64Encoded has to be a boolean")
    if encoded:
        return _decoded(body)
    if body is None:
        return b""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return text.encode()


def _decoded(body: Any) -> bytes:
    if not isinstance(body, str):
        raise BadApiResult("a body with isBase64Encoded has to be a string")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadApiResult("isBase64Encoded is true, and the body is not base64") from None


def _shown(value: Any) -> str:
    return json.dumps(value)[:80]
