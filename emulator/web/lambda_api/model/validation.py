"""Checks a request by AWS's description, and refuses it in AWS's words. Pure.

A refusal names all faults at once, as AWS does it: "2 validation errors detected: Value ...".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from taskdock.base.strict_json import Json
from taskdock.web.lambda_api.model import description as model
from taskdock.web.lambda_api.model.description import Shape
from taskdock.web.lambda_api.problems import Refusal

NOT_NULL = "Member must not be null"
Constraint = tuple[str, Callable[[Any], Any]]
"""The constraint in words, and a predicate of the value."""
_SHOWN = 2000  # characters of a value that are repeated
TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str,),  # in base64
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}
_NAMES = {
    "string": "a String",
    "blob": "a String",
    "boolean": "a Boolean",
    "integer": "an Integer",
    "long": "a Long",
    "double": "a Double",
}
_CLASSES = ((r"\p{L}\p{Z}\p{N}_", r"\w\s"),)
"""Character classes of Java's patterns that Python has not, with Python's for the same."""


def check(operation: str, given: Mapping[str, Any], *members: str) -> None:
    """Raises `Refusal` for what is no request of the operation.

    `members`: those that are looked at, where that is not the whole request.
    """
    name = model.operations()[operation].request
    if name is None:
        return
    shape = model.shape(name)
    checked = members or tuple(shape.members)
    problems = [
        problem
        for each in checked
        for problem in _member(shape, each, given.get(each), _lower(each))
    ]
    if problems:
        raise refusal(problems)


def refusal(problems: list[str], name: str = "ValidationException") -> Refusal:
    noun = "error" if len(problems) == 1 else "errors"
    return Refusal(name, f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")


def problem(value: Any, path: str, constraint: str) -> str:
    shown = "" if isinstance(value, _Hidden) else f" {_quoted(value)}"
    return f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}"


def constraints(shape: Shape) -> list[str]:
    """All that a value of this shape has to fulfil, in AWS's order."""
    return [words for words, _ in _constraints(shape)]


def _member(shape: Shape, name: str, value: Any, path: str) -> Iterator[str]:
    if value is not None:
        yield from _check(model.shape(shape.members[name]), value, path)
    elif name in shape.required:
        yield problem(None, path, NOT_NULL)


def _check(shape: Shape, value: Any, path: str) -> Iterator[str]:
    value = _read(shape, value)
    if shape.type == "structure":
        for name in shape.members:
            yield from _member(shape, name, value.get(name), f"{path}.{_lower(name)}")
        return
    shown = _Hidden() if shape.sensitive else value
    for words, holds in _constraints(shape):
        if not holds(value):
            yield problem(shown, path, words)
    if shape.type == "list":
        yield from _items(model.shape(shape.member), value, path, shown)
    elif shape.type == "map":
        yield from _entries(shape, value, path, shown)


def _items(shape: Shape, items: list[Any], path: str, shown: Any) -> Iterator[str]:
    if shape.type == "structure":
        for place, item in enumerate(items, 1):
            yield from _check(shape, item, f"{path}.{place}.member")
    elif not all(_is_valid(shape, item) for item in items):
        yield problem(shown, path, _each("Member", [*constraints(shape), NOT_NULL]))


def _entries(shape: Shape, entries: Json, path: str, shown: Any) -> Iterator[str]:
    key, value = model.shape(shape.key), model.shape(shape.value)
    if not all(_is_valid(key, each) for each in entries):
        yield problem(shown, path, _each("Map keys", constraints(key)))
    if not all(_is_valid(value, each) for each in entries.values()):
        yield problem(shown, path, _each("Map value", [*constraints(value), NOT_NULL]))


def _each(who: str, words: list[str]) -> str:
    return f"{who} must satisfy constraint: [{', '.join(words)}]"


def _is_valid(shape: Shape, value: Any) -> bool:
    if value is None:
        return False
    value = _read(shape, value)
    return all(holds(value) for _, holds in _constraints(shape))


@cache
def _constraints(shape: Shape) -> tuple[Constraint, ...]:
    return tuple(_rules(shape))


def _rules(shape: Shape) -> Iterator[Constraint]:
    if shape.enum:
        words = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        yield words, shape.enum.__contains__
    number = shape.type in ("integer", "long", "double")
    what = "value" if number else "length"
    size = (lambda value: value) if number else len
    if shape.max is not None:
        maximum = shape.max
        words = f"Member must have {what} less than or equal to {maximum}"
        yield words, lambda value: size(value) <= maximum
    if shape.min:
        minimum = shape.min
        words = f"Member must have {what} greater than or equal to {minimum}"
        yield words, lambda value: size(value) >= minimum
    if shape.pattern is not None:
        words = f"Member must satisfy regular expression pattern: {shape.pattern}"
        yield words, re.compile(translated(shape.pattern)).fullmatch


def translated(pattern: str) -> str:
    """A pattern of Java's as Python has it."""
    for theirs, ours in _CLASSES:
        pattern = pattern.replace(theirs, ours)
    return pattern


def _read(shape: Shape, value: Any) -> Any:
    """The value, when it is of the shape's type. Raises `Refusal`, in the words of AWS's reader."""
    whole = shape.type in ("integer", "long")
    if whole and isinstance(value, float) and value.is_integer():
        value = int(value)
    has_type = isinstance(value, TYPES[shape.type])
    if has_type and not (isinstance(value, bool) and shape.type != "boolean"):
        return value
    raise Refusal("SerializationException", _unreadable(shape, value))


def _unreadable(shape: Shape, value: Any) -> str:
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    if shape.type not in _NAMES:
        return "Unexpected field type"
    kind = "STRING" if isinstance(value, str) else "NUMBER"
    if isinstance(value, bool):
        kind = str(value).upper()
    return f"{kind}_VALUE can not be converted to {_NAMES[shape.type]}"


class _Hidden:
    """In place of a value that AWS does not repeat."""


def _quoted(value: Any) -> str:
    return "null" if value is None else f"'{_shown(value)[:_SHOWN]}'"


def _shown(value: Any) -> str:
    """A value as Java prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_shown(each)}" for key, each in value.items()) + "}"
    return "null" if value is None else str(value)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
