"""/taskdock/functions/NAME/code: changes files of a function's code, and leaves the others."""

from __future__ import annotations

from typing import Annotated, TypedDict

from flask import request
from pydantic import Field, StrictStr

from taskdock.base import errors
from taskdock.base.errors import BadFunctionCode, IllegalState
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.code import decode
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.zips.code_patch import CodePatch
from taskdock.web.access.authentication import caller
from taskdock.web.common import requests
from taskdock.web.common.requests import Wire
from taskdock.web.harness_api.endpoint import endpoint

_EXAMPLE = {
    "base": "0" * 64,
    "removed": ["lib/old.js"],
    "changed": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==",
}


class CodeChange(Wire):
    base: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")]
    """The code that the function has: the SHA-256 of its zip in hexadecimal digits, or what an
    earlier change has answered with."""
    removed: tuple[StrictStr, ...] = ()
    """Paths in that code. A folder goes with all that is in it."""
    changed: StrictStr | None = None
    """A zip of the new and the changed files, in base64."""


class ChangedCodeJson(TypedDict):
    code: str
    """The `base` of the next change."""


class CodeViews:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @endpoint(
        "PUT",
        "/taskdock/functions/<name>/code",
        summary="Change files of a function's code, whose other files stay",
        answer=ChangedCodeJson,
        body=CodeChange,
        example=_EXAMPLE,
        errors=(errors.BadFunctionCode, errors.IllegalState, errors.NotFound),
    )
    def change(self, name: str) -> ChangedCodeJson:
        asked = requests.read(CodeChange, request.get_data())
        changed = b"" if asked.changed is None else decode(asked.changed)
        if not changed and not asked.removed:
            raise BadFunctionCode("give removed, changed or both: nothing would change")
        patch = CodePatch(asked.base, asked.removed, changed)

        def judge(function: Function) -> None:
            if function.code != asked.base:
                raise IllegalState(f"the code of {name} is another one by now")

        function = self._catalog.update(name, zipped=patch, by=caller().authors, judge=judge)
        return {"code": str(function.code)}
