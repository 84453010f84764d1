"""YAML that means what JSON means, with the line of each object: no guessing.

YAML 1.1 takes `no` and `on` for booleans, `2026-01-02` for a date, `0123` for an octal number and
`12:30` for minutes. Here a word is what JSON says it is, and text otherwise; `~` and nothing are
null. A key that comes twice is an error, and tags are.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_NUMBER = r"-?(?:0|[1-9][0-9]*)"
_RESOLVED = {
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (_NUMBER, "-0123456789"),
    "float": (rf"{_NUMBER}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
}
_TAG = "tag:yaml.org,2002:"


class NotYaml(ValueError):
    """`line`: from 1, or 0 where it is not known."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.line = line


class Object(dict[str, Any]):
    """An object, with where it is in the text."""

    line: int
    """From 1."""
    lines: dict[str, int]
    """By key."""


def load(text: bytes) -> Any:
    """The value of the text; objects are `Object`s. Raises `NotYaml`."""
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(_sentence(error), mark.line + 1 if mark else 0) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NotYaml(f"it is no YAML in UTF-8: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise NotYaml("it is nested too deeply") from None


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return f"it is no YAML: {', '.join(parts)}"


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as in the base class

    def scalar(self, node: yaml.Node) -> Any:
        assert isinstance(node, yaml.ScalarNode), "the tag of a scalar"
        kind, text = node.tag.removeprefix(_TAG), node.value
        if kind == "str":
            return text
        if not re.fullmatch(_RESOLVED[kind][0], text):
            raise yaml.constructor.ConstructorError(
                None, None, f"{text[:40]!r} is no {kind}", node.start_mark
            )
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        number = int(text) if kind == "int" else float(text)
        if number in (float("inf"), float("-inf")):
            raise yaml.constructor.ConstructorError(
                None, None, f"{text[:40]} is too large a number", node.start_mark
            )
        return number

    def object(self, node: yaml.Node) -> Object:
        assert isinstance(node, yaml.MappingNode), "the tag of a mapping"
        found = Object()
        found.line, found.lines = node.start_mark.line + 1, {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is text", key_node.start_mark
                )
            key = key_node.value
            if key in found:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key[:40]!r} comes twice", key_node.start_mark
                )
            found[key] = self.construct_object(value_node, deep=True)
            found.lines[key] = key_node.start_mark.line + 1
        return found

    def array(self, node: yaml.Node) -> list[Any]:
        assert isinstance(node, yaml.SequenceNode), "the tag of a sequence"
        return [self.construct_object(each, deep=True) for each in node.value]


for _kind, (_pattern, _first) in _RESOLVED.items():
    _Loader.add_implicit_resolver(
        _TAG + _kind,
        re.compile(f"(?:{_pattern})$"),
        ["" if first == "\0" else first for first in _first],
    )
_Loader.yaml_constructors = {
    **{f"{_TAG}{kind}": _Loader.scalar for kind in (*_RESOLVED, "str")},
    f"{_TAG}map": _Loader.object,
    f"{_TAG}seq": _Loader.array,
    None: yaml.constructor.SafeConstructor.construct_undefined,
}
