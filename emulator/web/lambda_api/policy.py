"""AWS's Lambda API: who may call a function. It is kept and shown; here, nobody is asked for it.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from flask import Response

from taskdock.base.strict_json import Json
from taskdock.lambdas.functions.function import Annotations, Function
from taskdock.lambdas.functions.reference import LATEST
from taskdock.web.lambda_api import configuration as answers
from taskdock.web.lambda_api.function_names import Names, Reference, named
from taskdock.web.lambda_api.functions import Functions, check_revision
from taskdock.web.lambda_api.model.request import operation
from taskdock.web.lambda_api.problems import Refusal

_MAX_POLICY = 20_480  # bytes
_ACCOUNT = re.compile(r"\d{12}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com)")
_CONDITIONS = {
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
}
"""Members of AddPermission, and what they are in a policy."""


class PolicyOperations:
    def __init__(self, functions: Functions) -> None:
        self._catalog = functions.catalog
        self._names = functions.names

    @operation("AddPermission")
    def add(self, asked: Json) -> tuple[Json, int]:
        reference = named(asked)
        if (reference.qualifier or "").startswith("$"):
            raise Refusal(
                "InvalidParameterValueException",
                "We currently do not support adding policies for $LATEST.",
            )
        function = self._names.find(reference)
        statement = _statement(asked, self._names.arn(reference))

        def extended(before: Function) -> Annotations:
            check_revision(before, asked.get("RevisionId"), "GetPolicy")
            return _with(before, statement)

        self._catalog.annotate(function.name, extended)
        return {"Statement": _compact(statement)}, 201

    @operation("RemovePermission")
    def remove(self, asked: Json) -> Response:
        function = _owner(self._names, named(asked))
        statement_id = asked["StatementId"]

        def shortened(before: Function) -> Annotations:
            statements = before.annotations.statements
            kept = tuple(each for each in statements if each["Sid"] != statement_id)
            if not statements:
                raise _missing("No policy is associated with the given resource.")
            if len(kept) == len(statements):
                raise _missing(f"Statement {statement_id} is not found in resource policy.")
            check_revision(before, asked.get("RevisionId"), "GetPolicy")
            return replace(before.annotations, statements=kept)

        self._catalog.annotate(function.name, shortened)
        return Response(status=204, content_type="application/json")

    @operation("GetPolicy")
    def get(self, asked: Json) -> Json:
        function = _owner(self._names, named(asked))
        statements = function.annotations.statements
        if not statements:
            raise _missing("The resource you requested does not exist.")
        return {"Policy": _policy(statements), "RevisionId": answers.revision(function)}


def _owner(names: Names, reference: Reference) -> Function:
    """Raises `NotFound`, or the `Refusal` for a version's policy: $LATEST can have none."""
    function = names.find(reference)
    if reference.qualifier == LATEST:
        raise _missing("The resource you requested does not exist.")
    return function


def _with(function: Function, statement: Json) -> Annotations:
    """Raises `Refusal`."""
    before = function.annotations.statements
    sid = statement["Sid"]
    if any(each["Sid"] == sid for each in before):
        raise Refusal(
            "ResourceConflictException",
            f"The statement id ({sid}) provided already exists. Please provide a new statement id,"
            " or remove the existing statement.",
        )
    size = len(_policy((*before, statement)).encode())
    if size > _MAX_POLICY:
        raise Refusal(
            "PolicyLengthExceededException",
            f"The final policy size ({size}) is bigger than the limit ({_MAX_POLICY}).",
        )
    return replace(function.annotations, statements=(*before, statement))


def _statement(asked: Json, arn: str) -> Json:
    """Raises `Refusal`."""
    conditions: dict[str, Json] = {}
    for member, (test, key) in _CONDITIONS.items():
        if member in asked:
            value = asked[member]
            text = str(value).lower() if isinstance(value, bool) else value
            conditions.setdefault(test, {})[key] = text
    return {
        "Sid": asked["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(asked["Principal"]),
        "Action": asked["Action"],
        "Resource": arn,
        **({"Condition": conditions} if conditions else {}),
    }


def _principal(named: str) -> Any:
    """Raises `Refusal`."""
    if named == "*":
        return named
    if _ACCOUNT.fullmatch(named):
        return {"AWS": f"arn:aws:iam::{named}:root"}
    if named.startswith("arn:"):
        return {"AWS": named}
    if _SERVICE.fullmatch(named):
        return {"Service": named}
    raise Refusal(
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
    )


def _policy(statements: tuple[Any, ...]) -> str:
    return _compact({"Version": "2012-10-17", "Id": "default", "Statement": list(statements)})


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _missing(message: str) -> Refusal:
    return Refusal("ResourceNotFoundException", message)
