"""References by which callers name a function: its name and a qualifier. Pure.

`Catalog.resolve` finds the `Function` that a reference means at the moment. A `Function` is
immutable, and its `fingerprint` names everything that its environments are made from.

AWS's qualifiers are `$LATEST`, numbers of versions and names of aliases; there is only `$LATEST`
here until now:
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#lambda-Invoke-request-Qualifier
"""

from __future__ import annotations

from dataclasses import dataclass

LATEST = "$LATEST"


@dataclass(frozen=True)
class FunctionRef:
    name: str
    qualifier: str = LATEST
