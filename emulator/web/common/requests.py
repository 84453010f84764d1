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
from taskdock.web.common import complaints

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

    @classmethod
    def also_missing(cls, given: strict_json.Json) -> list[str]:
        """Names of fields that are missing beside the required ones, because of what else is
        `given` or not: a body as it came, whose values need not be right."""
        return []


Model = TypeVar("Model", bound=Wire)


def read(model: type[Model], body: bytes, *, optional: bool = False) -> Model:
    """The body as a `model`.

    Raises `EmptyBody` (unless it is `optional`), `BodyNotJson`, `MissingFields` or `BadField`.
    """
    value = {} if optional and not body.strip() else read_object(body)
    found = complaints.Complaints(missing=model.also_missing(value), bad=[])
    try:
        body_read = model.model_validate(value)
    except Invalid as invalid:
        found = found.beside(complaints.of(model, invalid.errors(include_url=False)))
    if found.missing or found.bad:
        raise (MissingFields if found.missing else BadField)(str(found))
    return body_read


def read_object(body: bytes) -> strict_json.Json:
    """The body as a JSON object. Raises `EmptyBody` or `BodyNotJson`."""
    if not body.strip():
        raise EmptyBody
    try:
        value = strict_json.loads(body)
    except ValueError as error:
        raise BodyNotJson(f"the body is not JSON: {strict_json.explained(error)}") from None
    if not isinstance(value, dict):
        raise BodyNotJson(f"the body has to be a JSON object, not {strict_json.shown(value)}")
    return value


def truth(name: str, text: str | None) -> bool:
    """A parameter of the query, true or false; None: it was not given. Raises `BadField`."""
    word = (text or "false").lower()
    if word not in ("true", "false", "1", "0"):
        raise BadField(f"{name}: '{word[:40]}' is neither true nor false")
    return word in ("true", "1")
