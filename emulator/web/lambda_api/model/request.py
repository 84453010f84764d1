"""What a request of AWS's Lambda API asks: its path, query string and body, as one checked object.

Where an operation is, and how its members are called, its description says (`lambda_model`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, request

from emulator.base import strict_json
from emulator.base.errors import BodyNotJson
from emulator.base.strict_json import Json
from emulator.web.common.endpoint import Endpoint, Gate, add
from emulator.web.lambda_api import problems
from emulator.web.lambda_api.model import description as model
from emulator.web.lambda_api.model import validation
from emulator.web.lambda_api.model.description import Shape

View = Callable[[Json], Any]

_MAX_BODY = 70_167_211  # bytes, AWS's: a zip of 50 MB in base64, and something more
_VARIABLE = re.compile(r"\{(\w+)\}")


def serve(api: Blueprint, operation: str) -> Callable[[View], View]:
    """Has a view answer an operation: it is given all that is asked, by the members' names."""

    def register(view: View) -> View:
        def answer(**named: str) -> Any:
            return view(asked(operation, **named))

        add(api, declaration(operation), answer)
        return view

    return register


def declaration(operation: str) -> Endpoint:
    """An operation's endpoint. AWS's credentials mean nothing here, so the machine counts."""
    return for_machine(model.operations()[operation].method, route(operation))


def for_machine(method: str | tuple[str, ...], path: str) -> Endpoint:
    """An endpoint of AWS's API, which has a description of its own."""
    return Endpoint(method, path, permission=Gate.MACHINE)


def route(operation: str) -> str:
    """Its path, as the web framework has paths."""
    path, _, _ = model.operations()[operation].path.partition("?")
    return _VARIABLE.sub(r"<\1>", path)


def asked(operation: str, **named: str) -> Json:
    """`named`: members that the path holds. What is null is not there.

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
    """What is no number stays text, and is refused for that."""
    number = kind == "integer" and re.fullmatch(r"-?\d{1,18}", text)
    return int(text) if number else text
