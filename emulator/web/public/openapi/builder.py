"""taskdock's own OpenAPI 3.1 description, drawn from the endpoints' declarations.

The paths are those of the URL map, and the schemas of bodies are the models that check them.
`web.common.problems` has the codes of errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Map

from taskdock import __version__
from taskdock.base.strict_json import Json, ObjectId
from taskdock.store.query.fields import FieldKind
from taskdock.web.common.endpoint import Endpoint, Gate, every
from taskdock.web.public.openapi.responses import JSON, responses
from taskdock.web.public.openapi.schemas import ERROR, Schemas, ref

_VARIABLE = re.compile(r"<(?:[^:>]*:)?([^>]*)>")
_NAMED = re.compile(r"\{([^}]*)\}")
_FORM = "application/x-www-form-urlencoded"
_ID_VARIABLES = ("taskId", "requestId", "scheduleId", "subscriptionId", "runId")
_WHO = {
    Gate.ANYONE: "anyone",
    Gate.USER: "any user who is signed in",
    Gate.VIEW: "depends on what is asked for",
    Gate.HARNESS: "a program on this machine",
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
    FieldKind.NUMBER: {"type": "number"},
    FieldKind.MOMENT: {"type": "string", "format": "date-time"},
    FieldKind.TEXT: {"type": "string"},
}
_SECURITY_SCHEMES = {
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
}


def describe(routes: Map, *, strict: bool) -> Json:
    """The description of all endpoints but those of AWS's API, which AWS describes.

    `strict`: whether callers have to sign in. Raises `TaskdockError` for a route without a
    declaration.
    """
    endpoints = [each for each in every(routes) if each.tag is not None]
    schemas = Schemas(endpoints)
    paths: dict[str, Json] = {}
    for method, path, endpoint in operations(endpoints):
        paths.setdefault(path, {})[method.lower()] = _operation(
            method, path, endpoint, schemas, strict=strict
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "taskdock",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in endpoints)],
        "paths": paths,
        "components": {
            "schemas": {**_body_schemas(endpoints), "Error": ERROR, **schemas.named()},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def operations(endpoints: Iterable[Endpoint]) -> Iterator[tuple[str, str, Endpoint]]:
    """Method and path of each operation, with {variables}. HEAD is not described beside GET."""
    for endpoint in endpoints:
        own = _VARIABLE.sub(lambda found: f"{{{to_camel(found[1])}}}", endpoint.path)
        for path in endpoint.described_paths or (own.rstrip("/"),):
            for method in endpoint.methods:
                yield method, path, endpoint


def _operation(
    method: str, path: str, endpoint: Endpoint, schemas: Schemas, *, strict: bool
) -> Json:
    needs = endpoint.permission
    described: Json = {
        "operationId": _operation_id(method, path),
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "parameters": [*_path_parameters(path, schemas), *_query_parameters(endpoint)],
        "responses": responses(method, path, endpoint, schemas),
        "security": _security(endpoint, strict=strict),
        "x-permission": needs.value if isinstance(needs, Gate) else needs,
    }
    if endpoint.body is not None:
        described["requestBody"] = _request_body(endpoint, endpoint.body.__name__)
    elif endpoint.is_function and method in ("POST", "PUT", "PATCH"):
        described["requestBody"] = {"content": {"*/*": {}}}
    if endpoint.deprecated:
        described["deprecated"] = True
    return described


def _operation_id(method: str, path: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", path)
    return "".join([method.lower(), *(word[0].upper() + word[1:] for word in words)])


def _description(endpoint: Endpoint) -> str:
    needs = endpoint.permission
    if endpoint.runs is not None:
        who = _RUN.format(endpoint.runs)
    else:
        who = _WHO[needs] if isinstance(needs, Gate) else f"`{needs}`"
    return f"Permission: {who}." + (f"\n\n{_RQL}" if endpoint.query else "")


def _path_parameters(path: str, schemas: Schemas) -> list[Json]:
    text: Json = {"type": "string", "minLength": 1}
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas.of(ObjectId) if name in _ID_VARIABLES else text,
        }
        for name in _NAMED.findall(path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[Json]:
    if endpoint.query is None:
        return list(endpoint.parameters)
    return [
        {"name": name, "in": "query", "schema": _KINDS[field.kind]}
        for name, field in endpoint.query.by_name.items()
        if field.kind in _KINDS
    ]


def _request_body(endpoint: Endpoint, model: str) -> Json:
    content: Json = {"schema": ref(model)}
    if endpoint.example is not None:
        content["example"] = endpoint.example
    return {
        "required": not endpoint.body_optional,
        "content": {JSON: content, **({_FORM: content} if endpoint.form else {})},
    }


def _security(endpoint: Endpoint, *, strict: bool) -> list[Json]:
    """Any one of these; {} is none at all."""
    if endpoint.permission is Gate.HARNESS:
        return [{}]
    open_to_all = not strict or endpoint.permission in (Gate.ANYONE, Gate.VIEW)
    own: list[Json] = [{"client": []}] if endpoint.form else []
    return [*([{}] if open_to_all else []), *own, {"oauth1": []}, {"bearer": []}]


def _body_schemas(endpoints: Iterable[Endpoint]) -> dict[str, Json]:
    models = {each.body for each in endpoints if each.body is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, made = models_json_schema(
        [(model, "validation") for model in ordered],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Json] = made["$defs"]
    return schemas
