"""/tasks/v1/api and /apiRequests: HTTP to an API function and back, and what was recorded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, TypedDict
from urllib.parse import unquote

from flask import Request, Response, request
from werkzeug.datastructures import Headers
from werkzeug.routing import BaseConverter

from taskdock.base import errors
from taskdock.base.errors import NoSuchEndpoint
from taskdock.base.strict_json import IsoTime, Json, ObjectId, SchemaPart, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.identity.account import NOBODY
from taskdock.store.query.fields import API_REQUEST_FIELDS
from taskdock.tasks.api_functions import gateway_event
from taskdock.tasks.api_functions.api_requests import ApiRequest, ApiRequests
from taskdock.tasks.model import access
from taskdock.tasks.model.task import ErrorType
from taskdock.web.access.authentication import caller
from taskdock.web.common import listing
from taskdock.web.common.descriptions import BY_ID, SINCE
from taskdock.web.common.endpoint import Endpoint, Gate, Page
from taskdock.web.common.listing import LogLineJson
from taskdock.web.http.messages import Headers as SentHeaders
from taskdock.web.http.wsgi import HEADERS
from taskdock.web.task_api import sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

endpoint = partial(Endpoint, tag="API functions")


class AnythingConverter(BaseConverter):
    """The rest of a path, slashes and all."""

    regex = r"[\s\S]*"
    part_isolating = False


class FunctionResponse(Response):
    """Sent as the function gave it: Flask would encode a Location anew."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        headers = super().get_wsgi_headers(environ)
        if "location" in self.headers:
            headers["location"] = self.headers["location"]
        return headers


class ApiRequestErrorJson(TypedDict):
    type: Annotated[str, one_of(*ErrorType)]
    name: str
    message: str


class ApiRequestJson(TypedDict):
    id: ObjectId
    functionName: str
    method: str
    path: str
    timestamp: IsoTime
    statusCode: int
    duration: Annotated[float, SchemaPart(description="seconds")]
    userId: ObjectId | None
    applicationId: ObjectId | None
    error: ApiRequestErrorJson | None


class ApiRequestViews:
    def __init__(self, api_requests: ApiRequests) -> None:
        self._api_requests = api_requests

    @endpoint(
        "GET",
        "/tasks/v1/apiRequests/",
        permission="VIEW_API_FUNCTION_REQUESTS",
        summary="List the calls of API functions",
        answer=Page(ApiRequestJson),
        query=API_REQUEST_FIELDS,
    )
    def find(self) -> Json:
        return listing.answer(self._api_requests.find, to_json)

    @endpoint(
        "GET",
        "/tasks/v1/apiRequests/<request_id>/logs",
        permission="VIEW_API_FUNCTION_REQUEST_LOGS",
        summary="The log lines of a call",
        answer=Page(LogLineJson, has_query=False),
        parameters=(SINCE,),
        errors=(*BY_ID, errors.BadQuery, errors.NoApiRequestLogs),
    )
    def logs(self, request_id: str) -> Json:
        return listing.log(partial(self._api_requests.logs, request_id))


class ApiFunctionViews:
    def __init__(self, api_requests: ApiRequests) -> None:
        self._api_requests = api_requests

    @endpoint(
        ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"),
        "/tasks/v1/api/<anything:target>",
        described_paths=("/tasks/v1/api/{functionName}", "/tasks/v1/api/{functionName}/{path}"),
        permission=Gate.VIEW,
        runs=access.EXECUTE_API,
        summary="Call an API function; the answer is what the function makes of it",
        is_function=True,
        errors=(
            errors.NotFound,
            errors.NoSuchEndpoint,
            errors.RequestTooLarge,
            errors.InvocationFailed,
            errors.Unavailable,
            errors.FunctionFailed,
            errors.BadApiResult,
            errors.ApiTimeLimitTooLong,
            errors.TooManyApiRequests,
        ),
    )
    def call(self, target: str) -> Response:
        """`target` is read from the request line instead: see `_asked`."""
        name, asked = _asked(request)
        answer = self._api_requests.call(name, asked, caller())
        if caller() == NOBODY:
            answer = sandbox.shared(answer, asked)
        return FunctionResponse(answer.body, answer.status, sandbox.guarded(answer.headers))


def _asked(request: Request) -> tuple[str, gateway_event.GatewayRequest]:
    """The function's name, and what it is asked. Raises `NoSuchEndpoint`.

    Read from the request line: WSGI's own path is decoded, so a %2F in it looks like a slash.
    """
    path, _, query = request.environ["REQUEST_URI"].partition("?")
    if not path.startswith("/"):  # with scheme and host, as proxies are asked
        path = path.partition("://")[2].partition("/")[2]
    _, _, _, name, rest = [*path.lstrip("/").split("/", 4), "", ""][:5]
    if not name:
        raise NoSuchEndpoint
    return unquote(name), gateway_event.GatewayRequest(
        method=request.method,
        path=f"/{rest}",
        query=query,
        headers=_headers(request.environ[HEADERS]),
        body=request.get_data(),
        protocol=request.environ["SERVER_PROTOCOL"],
        source_ip=request.remote_addr or "127.0.0.1",  # a container, from its own
    )


def _headers(sent: SentHeaders) -> dict[str, str]:
    """Not WSGI's, which have no name with an underscore and no empty content type.

    Repeated ones are joined, as API Gateway does it. A byte is a character, as HTTP had it first
    (RFC 9110, 5.5), so that a function can make the bytes of it again.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in sent:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        joint = "; " if name == "cookie" else ","  # cookies are one list: RFC 6265, 5.4
        headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    return headers


def to_json(request: ApiRequest) -> ApiRequestJson:
    shown: ApiRequestJson = {
        "id": request.id,
        "functionName": request.function_name,
        "method": request.method,
        "path": request.path,
        "userId": request.user_id,
        "applicationId": request.application_id,
        "timestamp": to_iso(request.timestamp),
        "statusCode": request.status_code,
        "duration": request.duration,
        "error": None if request.error is None else request.error.to_json(),
    }
    return present(shown)
