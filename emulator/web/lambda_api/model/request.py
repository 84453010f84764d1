"""A request of AWS's Lambda API as one checked object: its path, query string and body.

`description` has the path of each operation, and the names of its members.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request

from taskdock.base import strict_json
from taskdock.base.errors import BodyNotJson
from taskdock.base.strict_json import Json
from taskdock.web.common.endpoint import Endpoint, Gate
from taskdock.web.lambda_api import problems
from taskdock.web.lambda_api.model import description as model
from taskdock.web.lambda_api.model import validation
from taskdock.web.lambda_api.model.description import Shape

Operation = Callable[[Any, Json], Any]
View = Callable[..., Any]

_MAX_BODY = 70_167_211  # bytes, AWS's: a zip of 50 MB in base64, and something more
_VARIABLE = re.compile(r"\{(\w+)\}")


def operation(name: str) -> Callable[[Operation], View]:
    """Declares a method as what answers an operation of AWS's.

    The method is given the request as one object, by the members' names.
    """

    def register(method: Operation) -> View:
        @wraps(method)
        def answer(self: Any, **named: str) -> Any:
            return method(self, asked(name, **named))

        return declaration(name)(answer)

    return register


def declaration(operation: str) -> Endpoint:
    """An operation's endpoint. AWS's credentials mean nothing here, so the machine counts."""
    return for_machine(model.operations()[operation].method, route(operation))


def for_machine(method: str | tuple[str, ...], path: str) -> Endpoint:
    """An endpoint of AWS's API, which has a description of its own."""
    return Endpoint(method, path, permission=Gate.MACHINE)


def route(operation: str) -> str:
    """The operation's path, as the web framework writes paths."""
    path, _, _ = model.operations()[operation].path.partition("?")
    return _VARIABLE.sub(r"<\1>", path)


def asked(operation: str, **named: str) -> Json:
    """The current request as an object. `named`: the members in its path. Null counts as left out.

    Raises `BodyNotJson`, `RequestTooLarge`, or the `Refusal` that AWS would answer with.
    """
    described = model.operations()[operation]
    assert described.request is not None, "it is one of those that are served"
    shape = model.shape(described.request)
    given = {**_body(operation), **_query(shape), **named}
    given = {name: value for name, value in given.items() if value is not None}
    validation.check(operation, given)
    return given


def _body(operation: str) -> Json:
    if request.method not in ("POST", "PUT"):
        return {}
    body = request.get_data()
    if len(body) > _MAX_BODY:
        raise problems.too_large(_MAX_BODY, operation)
    try:
        value = strict_json.loads(body or b"{}")
    except ValueError as error:
        raise BodyNotJson(f"Could not parse request body into json: {error}") from None
    if not isinstance(value, dict):
        raise BodyNotJson("Could not parse request body into json: it is not an object")
    return value


def _query(shape: Shape) -> Json:
    """Text, but for lists and numbers."""
    given: Json = {}
    for name, key in shape.query.items():
        texts = request.args.getlist(key)
        kind = model.shape(shape.members[name]).type
        if texts:
            given[name] = texts if kind == "list" else _value(texts[0], kind)
    return given


def _value(text: str, kind: str) -> Any:
    """A number, if the text is one; else the text, which is refused then."""
    number = kind == "integer" and re.fullmatch(r"-?\d{1,18}", text)
    return int(text) if number else text
