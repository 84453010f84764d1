"""Makes the event of an API function from an HTTP request: API Gateway's payload format 2.0. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Where the Task Service differs it is followed: `rawPath` begins behind the function's name,
`rawQueryString` keeps its "?", and two headers say who is asking. The path stays as the caller
encoded it: frameworks decode it once, so a decoded one would be decoded twice.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from taskdock.base.timing.clock import to_epoch
from taskdock.identity.account import Account
from taskdock.lambdas.arns import ACCOUNT

_USER = "x-exh-requesting-user-id"
_APPLICATION = "x-exh-requesting-application-id"
# Headers of the connection to this server, and those whose values are in other fields.
_LEFT_OUT = frozenset(
    {
        _USER,
        _APPLICATION,
        "connection",
        "cookie",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Every other body is base64, also that of a form or one without a content type.
_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")


@dataclass(frozen=True, kw_only=True)
class GatewayRequest:
    method: str
    path: str = "/"
    """The part behind the function's name, as the caller encoded it."""
    query: str = ""
    """The query as the caller encoded it, without the "?"."""
    headers: Mapping[str, str]
    """The headers by lower-case name."""
    body: bytes = b""
    protocol: str = "HTTP/1.1"
    source_ip: str = "127.0.0.1"

    @property
    def search(self) -> str:
        """The query with its "?", if there is one."""
        return f"?{self.query}" if self.query else ""


def to_event(request: GatewayRequest, caller: Account, *, id: str, now: datetime) -> dict[str, Any]:
    """`id` is the API request's own; keys with nothing to say are absent."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.search,
    }
    if "cookie" in request.headers:
        event["cookies"] = _cookies(request.headers["cookie"])
    event["headers"] = _headers(request, caller)
    parameters = _parameters(request.query)
    if parameters:
        event["queryStringParameters"] = parameters
    return {**event, "requestContext": _context(request, id, now), **_body(request)}


def _cookies(header: str) -> list[str]:
    return [cookie.strip() for cookie in header.split(";") if cookie.strip()]


def _headers(request: GatewayRequest, caller: Account) -> dict[str, str]:
    given = {name: value for name, value in request.headers.items() if _is_passed_on(name)}
    before = given.get("x-forwarded-for")
    added = {
        "content-length": str(len(request.body)),
        "x-forwarded-for": f"{before}, {request.source_ip}" if before else request.source_ip,
        "x-forwarded-port": _port(request.headers.get("host", "")),
        "x-forwarded-proto": "http",
        _USER: caller.user_id,
        _APPLICATION: caller.application_id,
    }
    return {**given, **{name: value for name, value in added.items() if value is not None}}


def _is_passed_on(name: str) -> bool:
    """Whether a header reaches the function. The two that name the caller cannot be forged with
    underscores either: to frameworks on WSGI or CGI they are the same name."""
    return name not in _LEFT_OUT and name.replace("_", "-") not in (_USER, _APPLICATION)


def _parameters(query: str) -> dict[str, str]:
    """Decoded; those with the same name are joined with commas."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(found) for name, found in values.items()}


def _context(request: GatewayRequest, id: str, now: datetime) -> dict[str, Any]:
    domain = _domain(request.headers.get("host", ""))
    return {
        "accountId": ACCOUNT,
        "apiId": "taskdock",
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": id,
        "routeKey": "$default",
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": to_epoch(now),
    }


def _domain(host: str) -> str:
    """A Host header without its port; "[::1]:8080" is [::1]."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _port(host: str) -> str:
    """The port of a Host header: the one that the caller called, whatever lies between."""
    _, colon, port = host.rpartition(":")
    return port if colon and port.isdigit() else "80"


def _body(request: GatewayRequest) -> dict[str, Any]:
    if not request.body:
        return {"isBase64Encoded": False}
    text = _text(request)
    if text is None:
        return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
    return {"body": text, "isBase64Encoded": False}


def _text(request: GatewayRequest) -> str | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind.startswith("text/") and kind not in _TEXT_TYPES:
        return None
    try:
        return request.body.decode()
    except UnicodeDecodeError:
        return None  # base64 keeps it whole
