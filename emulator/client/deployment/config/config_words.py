"""Sentences about a task-config.json that is not as it has to be: the field, the values that it may
have, and the value that it has. Pure."""

from __future__ import annotations

import difflib

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from taskdock.base import strict_json

_ALLOWED = {
    "string_too_short": "text that is not empty",
    "too_short": "a list that is not empty",
    "string": "text",
    "int": "a whole number",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
    "model": "an object",
}
"""The values that a field may have, by the validator's name for its complaint, or by how that name
begins."""


def sentence(problem: ErrorDetails, model: type[BaseModel]) -> str:
    """The sentence for one complaint of the validator about a `model`."""
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "missing":
        return f"{place} missing"
    if problem["type"] == "extra_forbidden":
        return _unknown(place, problem["loc"], model)
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["type"] == "string_pattern_mismatch":
        allowed = "letters, digits and hyphens, such as send-mail"
    elif problem["type"] in ("literal_error", "enum"):
        allowed = str(problem["ctx"]["expected"]).replace("'", "")
    else:
        kind = problem["type"]
        allowed = _ALLOWED.get(kind) or _ALLOWED.get(kind.partition("_")[0], "another value")
    return f"{place} has to be {allowed}, not {strict_json.shown(problem['input'], place)}"


def _unknown(place: str, location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The sentence for a field that there is not, with those that there are beside it."""
    valid = names(model) if len(location) == 1 else _names_inside(model, str(location[0]))
    close = difflib.get_close_matches(str(location[-1]), valid, n=1)
    advice = f"did you mean {close[0]}? " if close else ""
    return f"{place} is unknown; {advice}valid: {', '.join(valid)}"


def names(model: type[BaseModel]) -> list[str]:
    """The names of a file's fields, but for that of its schema."""
    properties = model.model_json_schema(by_alias=True)["properties"]
    return sorted(name for name in properties if not name.startswith("$"))


def _names_inside(model: type[BaseModel], field: str) -> list[str]:
    """The names of the fields inside a field whose value is an object."""
    schema = model.model_json_schema(by_alias=True)
    inner = schema["properties"].get(field, {})
    named = [each["$ref"] for each in (inner, *inner.get("anyOf", ())) if "$ref" in each]
    found = [schema["$defs"][each.rpartition("/")[2]].get("properties", {}) for each in named]
    return sorted(name for each in found for name in each)
