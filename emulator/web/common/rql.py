"""RQL: the text of a query string, read into a `store.query` value. Knows no field and no table.

https://docs.extrahorizon.com/extrahorizon/additional-resources/resource-query-language-rql

Decoding happens twice, as on the service: the whole text once, which brings back what HTTP clients
encode by themselves, and then each name and value, so that these can hold any character. What may
stand in the text after the first decoding is the service's own set of characters.

Where the documentation leaves a choice:
- The type of a value is guessed from its final text, because the SDK encodes dots, colons and
  dashes too. A number is what JavaScript prints (12, -1.5; not 007, 1.0, or 24 digits: ids stay
  text); a date is 2021-12-10 or 2021-12-10T12:28:04.222Z, in UTC unless it names a zone.
- `limit` over the maximum means the maximum; below 1 it is an error.
- `limit`, `sort` and `select` may come again: the last one counts. They may stand inside `and` at
  the top, but not inside `or`, `contains` or `excludes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import NoReturn
from urllib.parse import unquote

from emulator.base.errors import BadQuery
from emulator.store.query.model import (
    And,
    Compare,
    Condition,
    Contains,
    In,
    Like,
    Not,
    Or,
    Order,
    Path,
    Query,
    Sort,
    Value,
)

MAX_LENGTH = 16_384  # characters; a list of some hundred ids fits
MAX_OPERATORS = 100
MAX_NESTING = 8
MAX_KEYS = 10  # in one path
MAX_SORTS = 10


@dataclass(frozen=True)
class LogQuery:
    """Which log lines: those from `since` on."""

    since: datetime | None
    limit: int
    offset: int


@dataclass(frozen=True)
class FunctionLogQuery:
    """Which log lines: those from `since` to `until`, both included."""

    since: datetime
    until: datetime
    limit: int
    offset: int


def parse(query_string: str, *, default_limit: int = 20, max_limit: int = 50) -> Query:
    """The query in `query_string`, which is as it came: percent-encoded."""
    query = Query(limit=default_limit)
    conditions = []
    for call in _calls(query_string):
        if call.name in _PAGING:
            query = _PAGING[call.name](query, call)
        else:
            conditions.append(_condition(call))
    return replace(query, where=_all(conditions), limit=min(query.limit, max_limit))


def parse_logs(query_string: str, *, default_limit: int = 100, max_limit: int = 1000) -> LogQuery:
    """What the logs of a task or an API request can be asked: ge(timestamp,...), limit(...)."""
    query = parse(query_string, default_limit=default_limit, max_limit=max_limit)
    ends = _ends(query, "timestamp", ("ge",))
    return LogQuery(ends.get("ge"), query.limit, query.offset)


def parse_function_logs(
    query_string: str, *, default_limit: int = 100, max_limit: int = 1000
) -> FunctionLogQuery:
    """The deprecated logs of a function want both ends of a period of at most 24 hours."""
    query = parse(query_string, default_limit=default_limit, max_limit=max_limit)
    ends = _ends(query, "eventTimestamp", ("ge", "le"))
    if len(ends) < 2:
        raise BadQuery("RQL: both eventTimestamp>=... and eventTimestamp<=... are needed here")
    if not timedelta(0) <= ends["le"] - ends["ge"] <= timedelta(hours=24):
        raise BadQuery("RQL: the period from eventTimestamp>= to <= can be 24 hours at most")
    return FunctionLogQuery(ends["ge"], ends["le"], query.limit, query.offset)


def _ends(query: Query, field: str, orders: tuple[Order, ...]) -> dict[Order, datetime]:
    """The ends of a period, when that and a limit are all that the query asks for."""
    where = query.where
    conditions = where.conditions if isinstance(where, And) else (where,) if where else ()
    ends = {
        condition.order: condition.value
        for condition in conditions
        if isinstance(condition, Compare) and isinstance(condition.value, datetime)
        if condition.path == (field,) and condition.order in orders
    }
    if len(ends) < len(conditions) or query.sort or query.select or query.skip_count:
        periods = ", ".join(f"{order}({field},<date>)" for order in orders)
        raise BadQuery(f"RQL: only {periods} and limit(...), each once, can be used here")
    return ends


# --- from text to calls ---

_WORD = re.compile(r"[A-Za-z0-9_.:%+*$-]*")
_SIGN = re.compile(r"[=!<>]=|=([a-z]+)=|[=<>]")
_SIGNS = {"=": "eq", "==": "eq", "!=": "ne", ">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _fail(problem: str, at: int) -> NoReturn:
    raise BadQuery(f"RQL: {problem} (at character {at + 1})")


@dataclass(frozen=True)
class _Call:
    """name(argument,...), also for what the text says in shorthand; `at` is where it begins."""

    name: str
    arguments: list[str | _Call]
    at: int

    def fail(self, problem: str) -> NoReturn:
        _fail(problem, self.at)

    def words(self, least: int, most: int | None = None) -> list[str]:
        """The arguments: `least` to `most` of them, and none of them a call."""
        words = [argument for argument in self.arguments if isinstance(argument, str)]
        if len(words) < len(self.arguments):
            self.fail(f"{self.name}(...) takes no operators inside")
        if len(words) < least or (most is not None and len(words) > most):
            self.fail(f"{self.name}(...) cannot have {len(words)} arguments")
        return words

    def calls(self, arguments: Iterable[str | _Call]) -> Iterator[_Call]:
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
        if colon and cast in _CASTS:
            value = _CASTS[cast](rest)
            if value is None:
                self.fail(f"{rest[:40]!r} is not a {cast}")
            return value
        guess = _guess(text)
        if ":" in word and guess == text:
            self.fail(f"unknown cast {cast[:40]!r}")
        return guess


class _Reader:
    """Reads a text once, from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.operators = 0

    def calls(self) -> Iterator[_Call]:
        """The calls that & joins."""
        while self.at < len(self.text):
            if not self.take("&"):
                start, term = self.at, self.term(0)
                if self.peek() not in ("", "&"):
                    self.refuse()
                if isinstance(term, str):
                    _fail(f"{term[:40]!r} is not an operator", start)
                yield term

    def term(self, nesting: int) -> str | _Call:
        start, word = self.at, self.word()
        if self.take("("):
            return self.call(word, self.arguments(nesting + 1), start)
        sign = _SIGN.match(self.text, self.at)
        if sign is None:
            return word
        self.at = sign.end()
        return self.call(sign[1] or _SIGNS[sign[0]], [word, self.word()], start)

    def arguments(self, nesting: int) -> list[str | _Call]:
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

    def call(self, name: str, arguments: list[str | _Call], start: int) -> _Call:
        self.operators += 1
        if self.operators > MAX_OPERATORS:
            _fail(f"a query has {MAX_OPERATORS} operators at most", start)
        return _Call(name, arguments, start)

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


def _calls(query_string: str) -> Iterator[_Call]:
    """The calls at the top, be it & or and(...) that joins them."""
    if len(query_string) > MAX_LENGTH:
        raise BadQuery(f"RQL: a query has {MAX_LENGTH} characters at most")
    try:
        text = unquote(query_string, errors="strict")
    except UnicodeDecodeError:
        raise BadQuery("RQL: the query is not UTF-8") from None
    for call in _Reader(text).calls():
        yield from _parts(call)


def _parts(call: _Call) -> Iterator[_Call]:
    if call.name == "and" and call.arguments:
        for part in call.calls(call.arguments):
            yield from _parts(part)
    else:
        yield call


# --- what a value is ---

_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def _guess(text: str) -> Value:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    number = _number(text)
    if number is not None and str(number) == text:
        return number
    date = _date(text)
    return text if date is None else date


def _number(text: str) -> int | float | None:
    """A number as JavaScript has it: a double, whole ones exact up to 2 to the 53rd."""
    if not _PLAIN_NUMBER.fullmatch(text):
        return None
    number = float(text)
    if abs(number) <= 2**53 and number.is_integer():
        return int(number)
    return number if abs(number) != float("inf") else None


def _date(text: str) -> datetime | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, time, seconds, fraction, zone = match.groups()
    moment = f"{day}T{time or '00:00'}:{seconds or '00'}.{(fraction or '').ljust(3, '0')[:3]}"
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        return datetime.fromisoformat(moment + offset).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


_CASTS: dict[str, Callable[[str], Value]] = {
    "string": str,
    "number": _number,
    "date": _date,
    "boolean": {"true": True, "false": False}.get,
}


# --- what an operator means ---


def _condition(call: _Call) -> Condition:
    if call.name in _PAGING:
        call.fail(f"{call.name}(...) can only stand at the top")
    if call.name not in _OPERATORS:
        call.fail(f"unknown operator {call.name[:40]!r}")
    return _OPERATORS[call.name](call)


def _all(conditions: Sequence[Condition]) -> Condition | None:
    return And(tuple(conditions)) if len(conditions) > 1 else next(iter(conditions), None)


def _in(call: _Call, most: int | None = None) -> In:
    field, *values = call.words(2, most)
    return In(call.path(field), tuple(call.value(word) for word in values))


def _compare(order: Order) -> Callable[[_Call], Condition]:
    def compare(call: _Call) -> Condition:
        field, value = call.words(2, 2)
        return Compare(call.path(field), order, call.value(value))

    return compare


def _like(call: _Call) -> Condition:
    field, text = call.words(2, 2)
    return Like(call.path(field), call.text(text).removeprefix("string:"))


def _contains(call: _Call) -> Contains:
    field, *conditions = call.arguments or [""]
    if not isinstance(field, str):
        call.fail(f"{call.name}(...) begins with a field")
    return Contains(call.path(field), _all([_condition(c) for c in call.calls(conditions)]))


def _joined(kind: type[And | Or]) -> Callable[[_Call], Condition]:
    def joined(call: _Call) -> Condition:
        if not call.arguments:
            call.fail(f"{call.name}(...) needs a condition")
        return kind(tuple(_condition(part) for part in call.calls(call.arguments)))

    return joined


def _limit(query: Query, call: _Call) -> Query:
    words = call.words(1, 2)
    if not all(re.fullmatch(r"[0-9]{1,9}", word) for word in words) or int(words[0]) < 1:
        call.fail("limit(...) takes a whole number from 1 and an offset from 0")
    limit, offset = int(words[0]), int(words[1]) if len(words) > 1 else 0
    return replace(query, limit=limit, offset=offset)


def _sort(query: Query, call: _Call) -> Query:
    words = call.words(1, MAX_SORTS)
    sort = (Sort(call.path(word[word[:1] in ("+", "-") :]), word[:1] == "-") for word in words)
    return replace(query, sort=tuple(sort))


def _select(query: Query, call: _Call) -> Query:
    return replace(query, select=tuple(call.path(word) for word in call.words(1)))


def _skip_count(query: Query, call: _Call) -> Query:
    call.words(0, 0)
    return replace(query, skip_count=True)


_OPERATORS: dict[str, Callable[[_Call], Condition]] = {
    "eq": lambda call: _in(call, 2),
    "ne": lambda call: Not(_in(call, 2)),
    "in": _in,
    "out": lambda call: Not(_in(call)),
    "gt": _compare("gt"),
    "ge": _compare("ge"),
    "lt": _compare("lt"),
    "le": _compare("le"),
    "like": _like,
    "contains": _contains,
    "excludes": lambda call: Not(_contains(call)),
    "and": _joined(And),
    "or": _joined(Or),
}
_PAGING: dict[str, Callable[[Query, _Call], Query]] = {
    "limit": _limit,
    "sort": _sort,
    "select": _select,
    "skipCount": _skip_count,
    "skip_count": _skip_count,
}
