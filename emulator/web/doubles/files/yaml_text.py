"""YAML that means what JSON means, with the line of each object: no guessing.

YAML 1.1 takes `no` and `on` for booleans, `2026-01-02` for a date, `0123` for an octal number and
`12:30` for minutes. Here a word is what JSON says it is, and text otherwise; `~` and nothing are
null. A key that comes twice is an error, and tags are.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable
from functools import cache
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
BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C, where PyYAML was built with it: that in Python reads 50 KB in a second."""


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
    with contextlib.suppress(yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return read_by(BASE, text)
    try:
        return read_by(yaml.SafeLoader, text)  # what is wrong is told alike on every machine
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(_sentence(error), mark.line + 1 if mark else 0) from None
    except UnicodeDecodeError as error:
        raise NotYaml(f"it is no YAML in UTF-8: byte {error.start + 1} is not UTF-8") from None
    except yaml.YAMLError:
        raise NotYaml("it is no YAML in UTF-8: it has a character that no text has") from None
    except RecursionError:
        raise NotYaml("it is nested too deeply") from None


def read_by(base: Any, text: bytes) -> Any:
    """The value of the text, by a loader of PyYAML's. Raises what that raises."""
    loader = _loader_on(base)(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


_COMPLAINTS = (
    ("expected the node content, but found '<stream end>'", "the text ends in the middle"),
    ("expected the node content", "a value is missing here"),
    ("but found another document", "there is more than one document; leave out the ---"),
    ("found unknown escape character", "there is no such escape; in single quotes a \\ is a \\"),
    ("found unconstructable recursive node", "an alias leads into itself"),
    ("expected ',' or ']'", "a list in brackets needs a comma or its ] here"),
    ("expected ',' or '}'", "an object in braces needs a comma or its } here"),
    (
        "mapping values are not allowed",
        "there is no key before this colon; put a text with a colon into quotes",
    ),
    ("could not find expected ':'", "a colon is missing after a key"),
    ("found character '\\t'", "a tab indents a line; indent by spaces"),
    ("found character", "a text cannot begin with this character; put it into quotes"),
    ("expected <block end>", "the indentation is not that of the lines before"),
    ("found unexpected end of stream", "a text in quotes is not closed"),
    ("found undefined alias", "there is no anchor for this alias; put a text with * into quotes"),
    ("could not determine a constructor", "tags such as !this have no meaning here"),
)
"""The beginnings of PyYAML's complaints, and ours."""


def _sentence(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem or "")
    for theirs, ours in _COMPLAINTS:
        if problem.startswith(theirs):
            return f"it is no YAML: {ours}"
    is_ours = isinstance(error, yaml.constructor.ConstructorError) and error.context is None
    return f"it is no YAML: {problem if is_ours else 'the line is not written as YAML is'}"


@cache
def _loader_on(base: Any) -> Any:
    """A loader that resolves and constructs as JSON does."""
    loader: Any = type("_Loader", (_Construction, base), {"yaml_implicit_resolvers": {}})
    for kind, (pattern, first) in _RESOLVED.items():
        loader.add_implicit_resolver(
            _TAG + kind,
            re.compile(f"(?:{pattern})$"),
            ["" if character == "\0" else character for character in first],
        )
    loader.yaml_constructors = {
        **{f"{_TAG}{kind}": _Construction.scalar for kind in (*_RESOLVED, "str")},
        f"{_TAG}map": _Construction.object,
        f"{_TAG}seq": _Construction.array,
        None: yaml.constructor.SafeConstructor.construct_undefined,
    }
    return loader


class _Construction:
    """The constructors; each gets the loader that it is a part of."""

    construct_object: Callable[..., Any]

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
        try:
            number = int(text) if kind == "int" else float(text)
        except ValueError:  # of very many digits
            number = math.inf
        if math.isinf(number):
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
