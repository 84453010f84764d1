"""The bodies of requests, read into pydantic models: camelCase, ISO times.

Each endpoint's model stands beside its view. Unknown fields are ignored, and null counts as not
given.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic import ValidationError as Invalid
from pydantic.alias_generators import to_camel

from taskdock.base import strict_json
from taskdock.base.errors import BadField, BodyNotJson, EmptyBody, MissingFields
from taskdock.base.timing.clock import to_milliseconds
from taskdock.tasks.model.task import PRIORITY

_ISO = re.compile(r"\d{4}-\d\d-\d\d")


def _utc(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    try:
        return to_milliseconds(aware.astimezone(timezone.utc))
    except OverflowError:
        raise ValueError("it is outside the years 1 to 9999") from None


def _is_iso(value: object) -> object:
    if not isinstance(value, str) or not _ISO.match(value):
        raise ValueError("it is not an ISO 8601 time such as 2026-01-02T03:04:05.678Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_is_iso), AfterValidator(_utc)]
Whole = Annotated[int, Field(strict=True)]
Priority = Annotated[int, Field(strict=True, ge=PRIORITY.start, lt=PRIORITY.stop)]


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


Model = TypeVar("Model", bound=Wire)


def read(model: type[Model], body: bytes, *, optional: bool = False) -> Model:
    """The body as a `model`.

    Raises `EmptyBody` (unless it is `optional`), `BodyNotJson`, `MissingFields` or `BadField`.
    """
    if not body.strip():
        if not optional:
            raise EmptyBody
        body = b"{}"
    try:
        value = strict_json.loads(body)
    except ValueError as error:
        raise BodyNotJson(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BodyNotJson("the body has to be a JSON object")
    try:
        return model.model_validate(value)
    except Invalid as invalid:
        raise _problem(invalid) from None


def _problem(invalid: Invalid) -> MissingFields | BadField:
    found = invalid.errors(include_url=False)
    missing = [
        _path(error["loc"])
        for error in found
        if error["type"] == "missing" or error.get("input", ...) is None
    ]
    if missing:
        return MissingFields(f"required and missing: {', '.join(missing)}")
    return BadField("; ".join(f"{_path(error['loc'])}: {error['msg']}" for error in found[:5]))


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
