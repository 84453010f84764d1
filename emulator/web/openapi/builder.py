"""taskdock's own OpenAPI 3.1 description, put together from what the server itself goes by.

Paths are those of the URL map, permissions those of `web.permissions`, codes those of
`web.problems`; requests are the models that check them. What is said beyond that: `openapi_table`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Map, Rule

from emulator import __version__
from emulator.base import errors
from emulator.base.errors import TaskdockError
from emulator.store.query.fields import Kind
from emulator.web.access import permissions
from emulator.web.access.permissions import Gate
from emulator.web.common import problems
from emulator.web.lambda_api import app
from emulator.web.openapi import schemas as answers
from emulator.web.openapi.operations import CALL_METHODS, CALL_PATHS, OPERATIONS, Operation

Json = dict[str, Any]

_VARIABLE = re.compile(r"<(?:[^:>]*:)?([^>]*)>")
_NAMED = re.compile(r"\{([^}]*)\}")
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_ID_VARIABLES = ("taskId", "requestId", "scheduleId", "subscriptionId")
_CREDENTIALS = (  # whoever sends some, wherever, is told when they are not right
    errors.UnknownConsumerKey,
    errors.UnknownToken,
    errors.BadSignature,
    errors.DuplicateRequest,
    errors.UnknownAccessToken,
    errors.ExpiredAccessToken,
)
_OF_BODIES = (
    errors.BodyNotJson,
    errors.MissingFields,
    errors.BadField,
    errors.RequestTooLarge,
)
_WHO = {
    Gate.ANYONE: "anyone",
    Gate.USER: "any user who is signed in",
    Gate.VIEW: "depends on what is asked for",
}
_RUN = "`{0}` or `{0}:NAME`, by the function's permission mode"
_RQL = (
    "The query string is [RQL](https://docs.extrahorizon.com/extrahorizon/additional-resources/"
    "resource-query-language-rql): `?eq(status,new)&sort(-creationTimestamp)&limit(10,20)`. A "
    "parameter below is short for `eq`; the others are `ne gt ge lt le in out like contains "
    "excludes and or limit sort select skipCount`."
)
_ABOUT = (
    "The Extra Horizon Task Service API, served by taskdock on this machine. Errors are always "
    "`{code, name, message}`. Lists take RQL in the query string."
)
_KINDS = {
    Kind.NUMBER: {"type": "number"},
    Kind.MOMENT: {"type": "string", "format": "date-time"},
    Kind.TEXT: {"type": "string"},
}


def describe(url_map: Map, *, strict: bool) -> Json:
    """The description of the endpoints in `url_map`. Raises when one has no line in the table."""
    paths: dict[str, Json] = {}
    for method, path, rule in sorted(endpoints(url_map), key=lambda each: _place(each[1])):
        operation = OPERATIONS.get(f"{method} {path}")
        if operation is None:
            raise TaskdockError(f"{method} {path} is not in the table of descriptions")
        gate = permissions.needed(method, rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(
            method, path, operation, gate, strict=strict
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "taskdock",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(one.tag for one in OPERATIONS.values())],
        "paths": paths,
        "components": {
            "schemas": {**_request_schemas(), **answers.SCHEMAS},
            "securitySchemes": {
                "oauth1": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "An OAuth1 signature with HMAC-SHA1: `OAuth ...`",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An OAuth2 access token",
                },
                "client": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "The client id and secret of an application",
                },
            },
        },
    }


def endpoints(url_map: Map) -> Iterable[tuple[str, str, Rule]]:
    """Method and path of each, with {variables}, and its rule; a GET answers HEAD by itself."""
    for rule in url_map.iter_rules():
        if rule.endpoint.startswith(f"{app.NAME}."):
            continue  # AWS describes its own
        called = "<anything:" in rule.rule
        path = _VARIABLE.sub(lambda found: f"{{{to_camel(found[1])}}}", rule.rule).rstrip("/")
        for each in CALL_PATHS if called else (path,):
            for method in CALL_METHODS if called else sorted(rule.methods or ()):
                if called or method not in ("HEAD", "OPTIONS"):
                    yield method, each, rule


def _place(path: str) -> int:
    """Where the table has a path first: the description has its order."""
    places = [at for at, name in enumerate(OPERATIONS) if name.split(" ")[1] == path]
    return places[0] if places else len(OPERATIONS)


def _operation(
    method: str, path: str, operation: Operation, gate: str | Gate, *, strict: bool
) -> Json:
    said: Json = {
        "operationId": _operation_id(method, path),
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _description(path, operation, gate),
        "parameters": [*_path_parameters(path), *_query_parameters(operation)],
        "responses": {
            **_answers(method, operation),
            **_refusals(method, path, operation, gate),
            **_failing(operation),
        },
        "security": _security(path, operation, gate, strict=strict),
        "x-permission": gate.value if isinstance(gate, Gate) else gate,
    }
    if operation.body is not None:
        said["requestBody"] = _request_body(operation)
    elif path in CALL_PATHS and method in ("POST", "PUT", "PATCH"):
        said["requestBody"] = {"content": {"*/*": {}}}
    if operation.deprecated:
        said["deprecated"] = True
    return said


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", path)
    return "".join([method.lower(), *(word[0].upper() + word[1:] for word in words)])


def _description(path: str, operation: Operation, gate: str | Gate) -> str:
    if path in CALL_PATHS:
        who = _RUN.format("EXECUTE_API_FUNCTION")
    elif path.endswith("/execute"):
        who = _RUN.format("EXECUTE_TASK_FUNCTION")
    else:
        who = _WHO[gate] if isinstance(gate, Gate) else f"`{gate}`"
    return f"Permission: {who}." + (f"\n\n{_RQL}" if operation.query else "")


def _path_parameters(path: str) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": answers.ID if name in _ID_VARIABLES else {"type": "string", "minLength": 1},
        }
        for name in _NAMED.findall(path)
    ]


def _query_parameters(operation: Operation) -> list[Json]:
    if operation.query is None:
        return list(operation.parameters)
    fields = operation.query.by_name.items()
    return [
        {"name": name, "in": "query", "schema": _KINDS[field.kind]}
        for name, field in fields
        if field.kind in _KINDS
    ]


def _request_body(operation: Operation) -> Json:
    assert operation.body is not None
    content: Json = {"schema": answers.ref(operation.body.__name__)}
    if operation.example is not None:
        content["example"] = operation.example
    return {
        "required": not operation.body_optional,
        "content": {_JSON: content, **({_FORM: content} if operation.form else {})},
    }


def _answers(method: str, operation: Operation) -> Json:
    if operation.answer is not None:
        return {
            "200": {"description": "Done", "content": {_JSON: {"schema": operation.answer}}},
        }
    content: Json = {} if method == "HEAD" else {"content": {"*/*": {}}}
    statuses = operation.statuses or ("200",)
    return {status: {"description": "An answer of any type", **content} for status in statuses}


def _refusals(method: str, path: str, operation: Operation, gate: str | Gate) -> Json:
    """Each status with what it can mean. HEAD has no bodies."""
    kinds = {problems.problem_of(kind): kind for kind in _kinds(method, path, operation, gate)}
    found = sorted(kinds, key=lambda problem: (problem.status, problem.code))
    refusals: Json = {}
    for status, group in groupby(found, key=lambda problem: problem.status):
        mine = list(group)
        content: Json = {
            "schema": {
                **answers.ref("Error"),
                "properties": {
                    "code": {"enum": [each.code for each in mine]},
                    "name": {"enum": [each.name for each in mine]},
                },
            },
            "examples": {
                f"{each.code} {each.name}": {"value": _example(each, kinds[each])} for each in mine
            },
        }
        if path in CALL_PATHS:
            content.pop("schema")  # a function may answer with this status, too
        refusals[str(status)] = {
            "description": ", ".join(f"{each.code} {each.name}" for each in mine),
            **({} if method == "HEAD" else {"content": {_answer_type(path): content}}),
        }
    return refusals


def _answer_type(path: str) -> str:
    return "*/*" if path in CALL_PATHS else _JSON


def _failing(operation: Operation) -> Json:
    if operation.failing is None:
        return {}
    content = {_JSON: {"schema": operation.failing}}
    return {"503": {"description": "Something fails", "content": content}}


def _kinds(
    method: str, path: str, operation: Operation, gate: str | Gate
) -> Iterable[type[TaskdockError]]:
    yield TaskdockError
    yield from _CREDENTIALS
    yield errors.StorageError
    if method != "GET" and path not in CALL_PATHS:  # a call of an API function is kept later
        yield errors.DiskFull
    yield from operation.errors
    if gate is not Gate.ANYONE:
        yield errors.NotSignedIn
    if isinstance(gate, str) or gate is Gate.VIEW:
        yield errors.NoPermission
    if operation.query is not None:
        yield errors.BadQuery
    if operation.selects:
        yield errors.EmptyQuery
    if operation.body is not None:
        yield from _OF_BODIES
        if not operation.body_optional:
            yield errors.EmptyBody
    if "{" in path:
        yield errors.NoSuchEndpoint  # for a variable with an encoded slash in it


def _example(problem: problems.Problem, kind: type[TaskdockError]) -> Json:
    message = (kind.__doc__ or "").strip().splitlines()[0]
    said: Json = {"code": problem.code, "name": problem.name, "message": message}
    if kind is errors.FunctionFailed:
        said["runtimeError"] = {"name": "TypeError", "message": "unsupported operand type"}
    return said


def _security(path: str, operation: Operation, gate: str | Gate, *, strict: bool) -> list[Json]:
    """Any one of these; {} is none at all."""
    open_to_all = not strict or gate in (Gate.ANYONE, Gate.VIEW)
    own: list[Json] = [{"client": []}] if operation.form else []
    return [*([{}] if open_to_all else []), *own, {"oauth1": []}, {"bearer": []}]


def _request_schemas() -> Json:
    models = {one.body for one in OPERATIONS.values() if one.body is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, made = models_json_schema(
        [(model, "validation") for model in ordered],
        ref_template="#/components/schemas/{model}",
    )
    schemas: Json = made["$defs"]
    return schemas
