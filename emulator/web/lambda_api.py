"""/2015-03-31: AWS's Lambda API, on the same functions as the Task Service's. Views translate.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html - what is not served is refused in
AWS's way, too, so that SDKs understand it.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from emulator import ids
from emulator.errors import (
    AlreadyExists,
    CallerError,
    NoSuchEndpoint,
    TaskdockError,
)
from emulator.functions.catalog import Catalog
from emulator.functions.code import MAX_ZIPPED_BY_AWS, decode
from emulator.functions.function import Function
from emulator.notices import Notices
from emulator.web import lambda_answers as answers
from emulator.web import lambda_problems as problems
from emulator.web import lambda_wire as wire
from emulator.web.lambda_invoke import FUNCTIONS, trace_id_of
from emulator.web.lambda_names import Names, Reference, parse
from emulator.web.lambda_problems import Refusal

Json = dict[str, Any]

NAME = "lambda_api"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_MAX_REQUEST = 70_167_211  # bytes, AWS's: a zip of 50 MB in base64, and something more
_MOST_LISTED = 50


class _Date(BaseConverter):
    """A version of the API, with which each of its paths begins."""

    regex = r"\d{4}-\d\d-\d\d"


def blueprint(catalog: Catalog, names: Names, architecture: str, notices: Notices) -> Blueprint:
    """`architecture`: of all functions. Invoke is `lambda_invoke`'s."""
    api = Blueprint(NAME, __name__)
    _serve_functions(api, catalog, names, architecture)

    @api.record
    def know_converter(state: BlueprintSetupState) -> None:
        state.app.url_map.converters["date"] = _Date

    @api.route("/<date:version>/<path:rest>", methods=_METHODS)
    def refuse(version: str, rest: str) -> Response:
        raise NoSuchEndpoint(
            f"taskdock does not have this part of AWS Lambda: {request.method} {request.path}"
        )

    @api.after_request
    def identify(response: Response) -> Response:
        response.headers["x-amzn-RequestId"] = ids.request_id()
        response.headers["X-Amzn-Trace-Id"] = trace_id_of(request.headers.get("X-Amzn-Trace-Id"))
        return response

    @api.errorhandler(TaskdockError)
    def explain(error: TaskdockError) -> Response:
        if not isinstance(error, CallerError):
            notices.publish("request_broke", path=request.path, error=error.message)
        return problems.answer(error)

    @api.errorhandler(Exception)
    def break_down(error: Exception) -> Response:
        if isinstance(error, HTTPException):  # the connection's, such as a body that is cut off
            return problems.answer(Refusal("SerializationException", str(error.description)))
        notices.publish("request_broke", path=request.path, error=repr(error))
        return problems.break_down()

    return api


def _serve_functions(api: Blueprint, catalog: Catalog, names: Names, architecture: str) -> None:
    def found(reference: str) -> Function:
        return names.find(parse(reference, request.args.get("Qualifier")))

    def shown(function: Function) -> Json:
        arn = names.arn(Reference(function.name))
        return answers.configuration(function, arn, architecture, catalog.code_size(function))

    @api.get(FUNCTIONS)
    def find() -> Json:
        start, most = request.args.get("Marker", ""), _max_items(request.args.get("MaxItems"))
        left = [function for function in catalog.all() if function.name > start]
        page = left[:most]
        answer: Json = {"Functions": [answers.listed(shown(each)) for each in page]}
        if len(left) > len(page):
            answer["NextMarker"] = page[-1].name
        return answer

    @api.post(FUNCTIONS)
    def create() -> tuple[Json, int]:
        wanted = wire.read(wire.NewFunction, _body("CreateFunction"))
        wanted.check()
        name = parse(wanted.function_name).name
        properties = {
            "time_limit": wire.DEFAULT_TIME_LIMIT,
            "memory_limit": wire.DEFAULT_MEMORY_LIMIT,
            **wanted.properties({}),
        }
        try:
            function = catalog.deploy(name, **_code(wanted.code), **properties)
        except AlreadyExists:
            raise AlreadyExists(f"Function already exist: {name}") from None
        return shown(function), 201

    @api.get(f"{FUNCTIONS}/<reference>")
    def get(reference: str) -> Json:
        function = found(reference)
        return {"Configuration": shown(function), "Code": answers.code(function)}

    @api.get(f"{FUNCTIONS}/<reference>/configuration")
    def get_configuration(reference: str) -> Json:
        return shown(found(reference))

    @api.put(f"{FUNCTIONS}/<reference>/code")
    def update_code(reference: str) -> Json:
        function = found(reference)
        wanted = wire.read(wire.NewCode, _body("UpdateFunctionCode"))
        wanted.check(image=function.image is not None, doing="updating a function")
        _check_revision(function, wanted.revision_id)
        if wanted.dry_run:
            return shown(function)
        return shown(catalog.update(function.name, **_code(wanted)))

    @api.put(f"{FUNCTIONS}/<reference>/configuration")
    def update_configuration(reference: str) -> Json:
        function = found(reference)
        wanted = wire.read(wire.ConfigurationBody, request.get_data())
        _check_revision(function, wanted.revision_id)
        return shown(catalog.update(function.name, **wanted.properties(function.environment)))

    @api.delete(f"{FUNCTIONS}/<reference>")
    def delete(reference: str) -> Response:
        catalog.delete(found(reference).name)
        return Response(status=204, content_type="application/json")


def _body(operation: str) -> bytes:
    """Raises `RequestTooLarge`."""
    body = request.get_data()
    if len(body) > _MAX_REQUEST:
        raise problems.too_large(_MAX_REQUEST, operation)
    return body


def _code(given: wire.CodeBody) -> Json:
    """What the catalog is told of the code; raises `BadFunctionCode`."""
    if given.image_uri is not None:
        return {"zipped": None, "image": given.image_uri}
    zipped = decode(given.zip_file or "", MAX_ZIPPED_BY_AWS)
    return {"zipped": zipped, "max_zipped": MAX_ZIPPED_BY_AWS}


def _check_revision(function: Function, wanted: str | None) -> None:
    if wanted is not None and wanted != answers.revision(function):
        raise Refusal(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the"
            " GetFunction/GetAlias API to retrieve the latest Revision Id",
        )


def _max_items(text: str | None) -> int:
    if text is None:
        return _MOST_LISTED
    if not text.isdecimal() or not 1 <= int(text[:6]) <= 10_000:
        raise Refusal(
            "ValidationException",
            f"1 validation error detected: Value '{text[:20]}' at 'maxItems' failed to satisfy"
            " constraint: Member must have value between 1 and 10000",
        )
    return min(int(text), _MOST_LISTED)
