"""The responses of an endpoint in the description: its answer, and every error that it may have."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from taskdock.base import errors
from taskdock.base.errors import TaskdockError
from taskdock.base.strict_json import Json
from taskdock.web.common import problems
from taskdock.web.common.endpoint import Endpoint, Gate
from taskdock.web.public.openapi.schemas import Schemas, ref

JSON = "application/json"
_ANY_TYPE = "*/*"
_CREDENTIALS = (  # every endpoint checks the credentials that a request brings
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


def responses(method: str, path: str, endpoint: Endpoint, schemas: Schemas) -> Json:
    """The responses by status. `path` has {variables}."""
    return {
        **_answers(method, endpoint, schemas),
        **_errors(method, path, endpoint),
        **_answer_503(endpoint, schemas),
    }


def _answers(method: str, endpoint: Endpoint, schemas: Schemas) -> Json:
    if endpoint.answer is not None:
        schema = schemas.of_answer(endpoint.answer)
        return {"200": {"description": "Done", "content": {JSON: {"schema": schema}}}}
    content: Json = {} if method == "HEAD" else {"content": {_ANY_TYPE: {}}}
    statuses = ("2XX", "3XX", "4XX") if endpoint.is_function else ("200",)
    return {status: {"description": "An answer of any type", **content} for status in statuses}


def _answer_503(endpoint: Endpoint, schemas: Schemas) -> Json:
    if endpoint.answer_503 is None:
        return {}
    content = {JSON: {"schema": schemas.of_answer(endpoint.answer_503)}}
    return {"503": {"description": "Something fails", "content": content}}


def _errors(method: str, path: str, endpoint: Endpoint) -> Json:
    """Each status of an error, with all that it can mean. HEAD has no bodies."""
    kinds = {problems.problem_of(kind): kind for kind in _kinds(method, path, endpoint)}
    found = sorted(kinds, key=lambda problem: (problem.status, problem.code))
    described: Json = {}
    for status, group in groupby(found, key=lambda problem: problem.status):
        same = list(group)
        content: Json = {
            "schema": {
                **ref("Error"),
                "properties": {
                    "code": {"enum": [each.code for each in same]},
                    "name": {"enum": [each.name for each in same]},
                },
            },
            "examples": {
                f"{each.code} {each.name}": {"value": _example(each, kinds[each])} for each in same
            },
        }
        if endpoint.is_function:
            content.pop("schema")  # the function may answer with this status, too
        media = _ANY_TYPE if endpoint.is_function else JSON
        described[str(status)] = {
            "description": ", ".join(f"{each.code} {each.name}" for each in same),
            **({} if method == "HEAD" else {"content": {media: content}}),
        }
    return described


def _kinds(method: str, path: str, endpoint: Endpoint) -> Iterable[type[TaskdockError]]:
    yield TaskdockError
    if endpoint.permission is not Gate.HARNESS:
        yield from _CREDENTIALS
    yield errors.StorageError
    if method != "GET" and not endpoint.is_function:  # a call of an API function is kept later
        yield errors.DiskFull
    yield from endpoint.errors
    if endpoint.permission not in (Gate.ANYONE, Gate.HARNESS):
        yield errors.NotSignedIn
    if isinstance(endpoint.permission, str) or endpoint.permission in (Gate.VIEW, Gate.HARNESS):
        yield errors.NoPermission
    if endpoint.query is not None:
        yield errors.BadQuery
    if endpoint.selects:
        yield errors.EmptyQuery
    if endpoint.body is not None:
        yield from _OF_BODIES
        if not endpoint.body_optional:
            yield errors.EmptyBody
    if "{" in path:
        yield errors.NoSuchEndpoint  # for a variable with an encoded slash in it


def _example(problem: problems.Problem, kind: type[TaskdockError]) -> Json:
    message = (kind.__doc__ or "").strip().splitlines()[0]
    shown: Json = {"code": problem.code, "name": problem.name, "message": message}
    if kind is errors.FunctionFailed:
        shown["runtimeError"] = {"name": "TypeError", "message": "unsupported operand type"}
    return shown
