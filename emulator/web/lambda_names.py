"""The ways in which AWS's callers name a function: name, partial ARN or ARN, with a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulator.errors import NotFound
from emulator.functions.catalog import Catalog
from emulator.functions.function import Function
from emulator.lambdas.launch import function_arn
from emulator.web.lambda_problems import Refusal

LATEST = "$LATEST"
PATTERN = (  # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
_REFERENCE = re.compile(PATTERN)


@dataclass(frozen=True)
class Reference:
    name: str
    qualifier: str | None

    @property
    def arn(self) -> str:
        """With the qualifier that the caller gave, and only with that."""
        arn = function_arn(self.name)
        return arn if self.qualifier is None else f"{arn}:{self.qualifier}"


def parse(text: str, qualifier: str | None = None) -> Reference:
    """Whatever region and account an ARN names: there is one of each here. Raises `Refusal`."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise Refusal(
            "ValidationException",
            f"1 validation error detected: Value '{text[:140]}' at 'functionName' failed to satisfy"
            f" constraint: Member must satisfy regular expression pattern: {PATTERN}",
        )
    named = found[9]
    if named and qualifier and named != qualifier:
        raise Refusal(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )
    return Reference(found[7], named or qualifier or None)


def find(catalog: Catalog, reference: Reference, *, unqualified: str = "") -> Function:
    """Raises `NotFound`, which adds `unqualified` to an ARN without a qualifier."""
    function = catalog.find(reference.name)
    if function is None or reference.qualifier not in (None, LATEST):
        suffix = "" if reference.qualifier else unqualified
        raise NotFound(f"Function not found: {reference.arn}{suffix}")
    return function
