"""RQL as text: a query string, decoded once and read into calls. Knows no operator's meaning.

The text is decoded twice, as on the service: as a whole before it is read, which brings back what
HTTP clients encode by themselves, and then each name and value, so that these can hold any
character. The characters that may stand in the text after the first decoding are the service's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

from taskdock.base.errors import BadQuery
from taskdock.store.query.model import Path, Value
from taskdock.web.common.rql.values import CASTS, guessed

MAX_LENGTH = 16_384  # characters; a list of some hundred ids fits
MAX_OPERATORS = 100
MAX_NESTING = 8
MAX_KEYS = 10  # in one path

_WORD = re.compile(r"[A-Za-z0-9_.:%+*$-]*")
_SIGN = re.compile(r"[=!<>]=|=([a-z]+)=|[=<>]")
_SIGNS = {"=": "eq", "==": "eq", "!=": "ne", ">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _fail(problem: str, at: int, advice: str = "") -> NoReturn:
    raise BadQuery(f"RQL: {problem} (at character {at + 1})" + (f"; {advice}" if advice else ""))


def _count(minimum: int, maximum: int | None) -> str:
    if maximum is None:
        return f"{minimum} or more"
    return f"{minimum} to {maximum}" if minimum < maximum else str(maximum or "none")


@dataclass(frozen=True)
class OperatorCall:
    """name(argument,...), also for what the text says in shorthand; `at` is where it begins."""

    name: str
    arguments: list[str | OperatorCall]
    at: int

    def fail(self, problem: str, advice: str = "") -> NoReturn:
        """`advice`: what is right in its place."""
        _fail(problem, self.at, advice)

    def words(self, minimum: int, maximum: int | None = None) -> list[str]:
        """The arguments: `minimum` to `maximum` of them, and none of them a call."""
        words = [argument for argument in self.arguments if isinstance(argument, str)]
        if len(words) < len(self.arguments):
            self.fail(f"{self.name}(...) takes no operators inside")
        if len(words) < minimum or (maximum is not None and len(words) > maximum):
            problem = f"{self.name}(...) cannot have {len(words)} arguments"
            self.fail(problem, f"it takes {_count(minimum, maximum)}")
        return words

    def calls(self, arguments: Iterable[str | OperatorCall]) -> Iterator[OperatorCall]:
        for argument in arguments:
            if isinstance(argument, str):
                self.fail(f"{argument[:40]!r} in {self.name}(...) is not a condition")
            yield argument

    def text(self, word: str) -> str:
        """A word decoded for the second time; the first time was before it was a word."""
        if _STRAY_PERCENT.search(word):
            self.fail(f"a value in {self.name}(...) is not percent-encoded twice")
        try:
            text = unquote(word, errors="strict")
        except UnicodeDecodeError:
            self.fail(f"a value in {self.name}(...) is not UTF-8")
        if "\0" in text:
            self.fail(f"a value in {self.name}(...) holds a NUL character")
        return text

    def path(self, word: str) -> Path:
        keys = tuple(self.text(word).split("."))
        if not all(keys) or len(keys) > MAX_KEYS:
            self.fail(f"{word[:40]!r} is not a field, or more than {MAX_KEYS} deep")
        return keys

    def value(self, word: str) -> Value:
        """A word as what it casts itself to, or else as what it looks like."""
        text = self.text(word)
        cast, colon, rest = text.partition(":")
        if colon and cast in CASTS:
            value = CASTS[cast](rest)
            if value is None:
                self.fail(f"{rest[:40]!r} is not a {cast}")
            return value
        guess = guessed(text)
        if ":" in word and guess == text:
            self.fail(f"unknown cast {cast[:40]!r}", f"known: {', '.join(CASTS)}")
        return guess


class RqlReader:
    """Reads a text once, from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.operators = 0

    def calls(self) -> Iterator[OperatorCall]:
        """The calls that & joins."""
        while self.at < len(self.text):
            if not self.take("&"):
                start, term = self.at, self.term(0)
                if self.peek() not in ("", "&"):
                    self.refuse()
                if isinstance(term, str):
                    _fail(f"{term[:40]!r} is not an operator", start)
                yield term

    def term(self, nesting: int) -> str | OperatorCall:
        start, word = self.at, self.word()
        if self.take("("):
            return self.call(word, self.arguments(nesting + 1), start)
        sign = _SIGN.match(self.text, self.at)
        if sign is None:
            return word
        self.at = sign.end()
        return self.call(sign[1] or _SIGNS[sign[0]], [word, self.word()], start)

    def arguments(self, nesting: int) -> list[str | OperatorCall]:
        if nesting > MAX_NESTING:
            _fail(f"operators nest {MAX_NESTING} deep at most", self.at)
        if self.take(")"):
            return []
        arguments = [self.term(nesting)]
        while self.take(","):
            arguments.append(self.term(nesting))
        if not self.take(")"):
            self.refuse()
        return arguments

    def call(self, name: str, arguments: list[str | OperatorCall], start: int) -> OperatorCall:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            _fail(f"a query has {MAX_OPERATORS} operators at most", start)
        return OperatorCall(name, arguments, start)

    def word(self) -> str:
        match = _WORD.match(self.text, self.at)
        assert match is not None, "a word can be empty"
        self.at = match.end()
        return match[0]

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, character: str) -> bool:
        found = self.peek() == character
        self.at += found
        return found

    def refuse(self) -> NoReturn:
        character = self.peek()
        if not character:
            _fail("a closing parenthesis is missing", self.at)
        known = character in "(),&|=<>!" or _WORD.fullmatch(character)
        problem = "does not belong here" if known else "must be percent-encoded twice"
        _fail(f"{character!r} {problem}", self.at)


def calls(query_string: str) -> Iterator[OperatorCall]:
    """The calls at the top, be it & or and(...) that joins them."""
    if len(query_string) > MAX_LENGTH:
        raise BadQuery(f"RQL: a query has {MAX_LENGTH} characters at most")
    try:
        text = unquote(query_string, errors="strict")
    except UnicodeDecodeError:
        raise BadQuery("RQL: the query is not UTF-8") from None
    for call in RqlReader(text).calls():
        yield from _parts(call)


def _parts(call: OperatorCall) -> Iterator[OperatorCall]:
    if call.name == "and" and call.arguments:
        for part in call.calls(call.arguments):
            yield from _parts(part)
    else:
        yield call
