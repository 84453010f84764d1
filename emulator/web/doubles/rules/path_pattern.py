"""The path of a double: literal, or with {variables} as web frameworks write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from taskdock.base.errors import BadDouble

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")
_FOREIGN = re.compile(r"<[^<>]*>|\*|/:[A-Za-z_]\w*")
SAMPLE = "0123456789abcdef01234567"
_HOW = "write {name} for one part of a path, and {name:path} at its end for all that follows"


@dataclass(frozen=True)
class PathPattern:
    """A slash at the end makes no difference."""

    text: str
    pattern: re.Pattern[str]
    variables: tuple[str, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The variables of a decoded path; None where it is another path."""
        found = self.pattern.fullmatch(path.rstrip("/"))
        return None if found is None else found.groupdict()

    @property
    def sample(self) -> str:
        """A path that matches, with an id for each variable."""
        return _VARIABLE.sub(SAMPLE, unquote(self.text))

    def named(self, sentence: str) -> str:
        """A sentence about `sample` as one about the pattern."""
        return sentence.replace(self.sample, self.text)


def read(text: object) -> PathPattern:
    """Raises `BadDouble`."""
    if not isinstance(text, str) or not text.startswith("/"):
        raise BadDouble(
            f"a path begins with a slash, as in /data/v1/{{schema}}/documents, not {text!r:.80}",
            key="path",
        )
    if "?" in text or "#" in text:
        raise BadDouble(
            f"the path {text[:80]!r} has a query: write that below `rql`, where it is RQL, or below"
            " `query`, as names and values",
            key="path",
        )
    if _FOREIGN.search(text):
        raise BadDouble(f"the path {text[:80]!r} can never match as it is: {_HOW}", key="path")
    names = _names(text)
    return PathPattern(text, re.compile(_expression(text), re.DOTALL), names)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(found[1] for found in _VARIABLE.finditer(text))
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BadDouble(f"the path has {{{min(twice)}}} twice: give each a name", key="path")
    return names


def _expression(text: str) -> str:
    expression, at = "", 0
    for found in _VARIABLE.finditer(text.rstrip("/")):
        expression += _literal(text[at : found.start()])
        if found[2] and found.end() < len(text.rstrip("/")):
            raise BadDouble(f"{found[0]} takes all that follows, so it ends a path", key="path")
        expression += f"(?P<{found[1]}>{'.+' if found[2] else _part(text, found)})"
        at = found.end()
    return expression + _literal(text.rstrip("/")[at:])


def _part(text: str, found: re.Match[str]) -> str:
    """The expression of a variable. Where another one comes in the same part of the path, it ends
    at the first letter in between: each place to end at would be tried with each of the others."""
    following = _VARIABLE.search(text, found.end())
    between = text[found.end() : following.start()] if following else "/"
    if not between:
        raise BadDouble(
            f"nothing tells where {found[0]} ends, since another variable follows at once: make one"
            " of both, or write text in between",
            key="path",
        )
    return "[^/]+" if "/" in between else f"[^/{re.escape(unquote(between)[0])}]+"


def _literal(text: str) -> str:
    if "{" in text or "}" in text:
        raise BadDouble(f"the path has a brace without a name in {text[:80]!r}: {_HOW}", key="path")
    return re.escape(unquote(text))
