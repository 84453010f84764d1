"""Sentences about a body that is not as its model has it: the field, the values that the field
may have, and the value that was sent. Pure.

The allowed values are read from the model's JSON schema, which the API's description shows, too. No
sentence has a word of the validator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from taskdock.base.strict_json import NOUNS, Json, shown

_MOST = 10  # fields that one message names
_TIME = "an ISO 8601 time of the years 1 to 9999, such as 2026-01-02T03:04:05.678Z"
_NUMBERS = ("integer", "number")
_REFERENCE = "#/$defs/"

Location = Sequence["int | str"]


class Complaints(NamedTuple):
    """Everything that is wrong with one body."""

    missing: list[str]
    """Paths of required fields."""
    bad: list[str]
    """A sentence for each other field that is wrong."""

    def beside(self, others: Complaints) -> Complaints:
        """These after the others."""
        return Complaints([*others.missing, *self.missing], [*others.bad, *self.bad])

    def __str__(self) -> str:
        missing = [f"required and missing: {', '.join(self.missing)}"] if self.missing else []
        more = len(self.bad) - _MOST
        rest = [f"and {more} more"] if more > 0 else []
        return "; ".join([*missing, *self.bad[:_MOST], *rest])


def of(model: type[BaseModel], errors: Sequence[ErrorDetails]) -> Complaints:
    """`errors`: the validator's, of a body for this model."""
    schema = _schema(model)
    missing: list[str] = []
    bad: dict[str, str] = {}  # by path: of a union, each member complains
    for error in errors:
        path, field = _found(schema, error["loc"])
        if error["type"] == "missing" or error.get("input", ...) is None:
            missing.append(path)
        elif path not in bad:
            sent = shown(error["input"], path)
            bad[path] = f"{path} has to be {_words(schema, field)}, not {sent}"
    return Complaints(missing, list(bad.values()))


@cache
def _schema(model: type[BaseModel]) -> Json:
    return model.model_json_schema(by_alias=True)


def _found(schema: Json, location: Location) -> tuple[str, Json]:
    """The path of a field, and its schema. A location may have more parts, such as the member of a
    union; they name no field."""
    path: list[str] = []
    field = schema
    for part in location:
        inner = [found for each in alternatives(schema, field) if (found := _inside(each, part))]
        if not inner:
            break
        path.append(str(part))
        field = inner[0]
    return ".".join(path) or "the body", field


def _inside(member: Json, part: int | str) -> Json | None:
    """The schema of this part of an object or a list; some models also take names in snake_case.
    None: it has no such part."""
    if isinstance(part, int):
        inner = member.get("items")
    else:
        named = member.get("properties", {})
        inner = named.get(part) or named.get(to_camel(part)) or member.get("additionalProperties")
    return inner if isinstance(inner, dict) else None


def alternatives(schema: Json, field: Json) -> Iterator[Json]:
    """The schemas of which one has to fit, without that of null, which means `not given`."""
    if "$ref" in field:
        field = schema["$defs"][field["$ref"].removeprefix(_REFERENCE)]
    if "anyOf" in field:
        for each in field["anyOf"]:
            yield from alternatives(schema, each)
    elif field.get("type") != "null":
        yield field


def _words(schema: Json, field: Json) -> str:
    members = list(alternatives(schema, field))
    if all(member.get("type") in _NUMBERS for member in members):
        members = [one for one in members if one["type"] == "number"] or members
    return " or ".join(dict.fromkeys(_noun(schema, member) for member in members))


def _noun(schema: Json, member: Json) -> str:
    """One schema in words: `a whole number from 3 to 300`."""
    if "const" in member:
        return shown(member["const"])
    if "enum" in member:
        *most, last = map(str, member["enum"])
        return f"{', '.join(most)} or {last}" if most else last
    if member.get("format") == "date-time":
        return _TIME
    kind = str(member.get("type", ""))
    return NOUNS.get(kind, "another value") + _detail(schema, member, kind)


def _detail(schema: Json, member: Json, kind: str) -> str:
    if kind in _NUMBERS:
        return _range(member)
    if kind == "string":
        return _length(member.get("minLength", 0), member.get("maxLength"), "character")
    if kind == "array":
        inner = _of_many(schema, member.get("items", {}))
        if not member.get("minItems"):
            return inner
        return inner.replace(" of ", " of one or more ") or " that is not empty"
    if member.get("required"):
        return f" with {' and '.join(member['required'])}"
    more = member.get("additionalProperties")
    return _of_many(schema, more) if isinstance(more, dict) else ""


def _of_many(schema: Json, items: Json) -> str:
    kinds = {str(member.get("type")) for member in alternatives(schema, items)}
    many = {"string": "texts", "object": "objects", "integer": "whole numbers"}
    return f" of {many[kinds.pop()]}" if len(kinds) == 1 and kinds <= many.keys() else ""


def _range(member: Json) -> str:
    least, most = member.get("minimum"), member.get("maximum")
    if "exclusiveMaximum" in member:  # of a whole number
        most = member["exclusiveMaximum"] - 1
    if least is None and most is None:
        return ""
    if least is None or most is None:
        return f" of at {'most' if least is None else 'least'} {_digits(most or least or 0)}"
    return f" from {_digits(least)} to {_digits(most)}"


def _digits(number: float) -> str:
    return str(int(number) if number == int(number) else number)


def _length(least: int, most: int | None, unit: str) -> str:
    if most is not None:
        return f" of {least} to {most} {unit}s"
    return f" of at least {least} {unit}{'s' * (least > 1)}" if least else ""
