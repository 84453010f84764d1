"""/tasks/v1/api and /apiRequests: HTTP to an API function and back, and what was recorded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flask import Blueprint, Request, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import Headers
from werkzeug.routing import BaseConverter

from emulator.base.errors import NoSuchEndpoint
from emulator.base.timing.clock import to_iso
from emulator.identity.account import NOBODY
from emulator.tasks.api_functions import gateway_event
from emulator.tasks.api_functions.api_requests import ApiRequest, ApiRequests
from emulator.web.access.authentication import caller
from emulator.web.common import listing
from emulator.web.http.messages import Headers as SentHeaders
from emulator.web.http.wsgi import HEADERS
from emulator.web.task_api import sandbox

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Json = dict[str, Any]

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]


class _Anything(BaseConverter):
    """The rest of a path, slashes and all."""

    regex = r"[\s\S]*"
    part_isolating = False


class Answer(Response):
    """Sent as the function gave it: Flask would encode a Location anew."""

    def get_wsgi_headers(self, environ: WSGIEnvironment) -> Headers:
        headers = super().get_wsgi_headers(environ)
        if "location" in self.headers:
            headers["location"] = self.headers["location"]
        return headers


def blueprint(api_requests: ApiRequests) -> Blueprint:
    api = Blueprint("api_functions", __name__)

    @api.record
    def know_converter(state: BlueprintSetupState) -> None:
        state.app.url_map.converters["anything"] = _Anything

    @api.route("/api/<anything:target>", methods=METHODS)
    def call(target: str) -> Response:
        name, asked = _asked(request)
        answer = api_requests.call(name, asked, caller())
        if caller() == NOBODY:
            answer = sandbox.shared(answer, asked)
        return Answer(answer.body, answer.status, sandbox.guarded(answer.headers))

    @api.get("/apiRequests/")
    def find() -> Json:
        return listing.answer(api_requests.find, _to_json)

    @api.get("/apiRequests/<request_id>/logs")
    def logs(request_id: str) -> Json:
        return listing.log(partial(api_requests.logs, request_id))

    return api


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


def _to_json(request: ApiRequest) -> Json:
    error = request.error
    shown = {
        "id": request.id,
        "functionName": request.function_name,
        "method": request.method,
        "path": request.path,
        "userId": request.user_id,
        "applicationId": request.application_id,
        "timestamp": to_iso(request.timestamp),
        "statusCode": request.status_code,
        "duration": request.duration,
        "error": error and {"type": error.type.value, "name": error.name, "message": error.message},
    }
    return {key: value for key, value in shown.items() if value is not None}
