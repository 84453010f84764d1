"""The ways in which AWS's callers name a function: name, partial ARN or ARN, with a qualifier.

`model.validation` checks the characters of a name. Here a name is read: a qualifier says which
version of a function is meant. There is none but `$LATEST`, and no other qualifier is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from taskdock.base.errors import NotFound
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.reference import LATEST, FunctionRef
from taskdock.web.lambda_api.problems import Refusal

_REFERENCE = re.compile(  # as the description of the API has it, for the operation that takes most
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?:eusc-)?[a-z]{2}(?:(?:-gov)|(?:-iso(?:[a-z]?)))?-[a-z]+-\d{1}:)?(?:\d{12}:)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_\.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True)
class Reference:
    name: str
    qualifier: str | None = None


class Names:
    """Finds functions by whatever AWS's callers call them."""

    def __init__(self, catalog: Catalog, arn_of: Callable[[str], str]) -> None:
        """`arn_of`: the ARN of the function of a name."""
        self._catalog = catalog
        self._arn_of = arn_of

    def arn(self, reference: Reference) -> str:
        """With the qualifier that the caller gave, and only with that."""
        arn = self._arn_of(reference.name)
        return arn if reference.qualifier is None else f"{arn}:{reference.qualifier}"

    def find(self, reference: Reference, *, unqualified: str = "") -> Function:
        """Raises `NotFound`, which adds `unqualified` to an ARN without a qualifier."""
        version = FunctionRef(reference.name, reference.qualifier or LATEST)
        function = self._catalog.resolve(version)
        if function is None:
            suffix = "" if reference.qualifier else unqualified
            raise NotFound(f"Function not found: {self.arn(reference)}{suffix}")
        return function


def named(asked: Mapping[str, Any]) -> Reference:
    """The function that a request is about. Region and account are not compared: there is one of
    each here. Raises `Refusal`."""
    return parse(asked["FunctionName"], asked.get("Qualifier"))


def whole(asked: Mapping[str, Any], *, latest: bool = False) -> Reference:
    """For operations on functions, not on versions of them. Raises `Refusal` for a qualifier, but
    `latest` takes $LATEST, for what changes just that."""
    reference = parse(asked["FunctionName"])
    if reference.qualifier is not None and not (latest and reference.qualifier == LATEST):
        raise Refusal(
            "InvalidParameterValueException",
            "This operation is permitted on Lambda functions only. Aliases and versions do not"
            " support this operation. Please specify either a function name or an unqualified"
            " function ARN.",
        )
    return Reference(reference.name)


def parse(text: str, qualifier: str | None = None) -> Reference:
    """Raises `Refusal`."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise Refusal("InvalidParameterValueException", f"Invalid function name: {text[:256]}")
    within = found["qualifier"]
    if within and qualifier and within != qualifier:
        raise Refusal(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )
    return Reference(found["name"], within or qualifier or None)
