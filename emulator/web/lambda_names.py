"""The ways in which AWS's callers name a function: name, partial ARN or ARN, with a qualifier."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from emulator.errors import NotFound
from emulator.functions.catalog import Catalog
from emulator.functions.function import Function
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
        function = self._catalog.find(reference.name)
        if function is None or reference.qualifier not in (None, LATEST):
            suffix = "" if reference.qualifier else unqualified
            raise NotFound(f"Function not found: {self.arn(reference)}{suffix}")
        return function


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
