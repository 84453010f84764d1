"""Reads a rule from its JSON, as code and files have it; a refusal says what to write instead."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from taskdock.base.errors import BadDouble, BadQuery
from taskdock.store.query.model import Query
from taskdock.web.common.rql import meaning
from taskdock.web.doubles.call import ABSENT
from taskdock.web.doubles.rules import path_pattern
from taskdock.web.doubles.rules.answer import ServiceAnswer
from taskdock.web.doubles.rules.answer_reading import ReadFile, read_answer
from taskdock.web.doubles.rules.rule import ANY, METHODS, Rule

KEYS = (
    *("method", "path", "query", "rql", "headers", "body"),
    *("answer", "answers", "times", "description"),
)
_BODILESS = ("GET", "HEAD", "OPTIONS")
_MOST_ANSWERS = 1000


def read(source: Any, read_file: ReadFile) -> Rule:
    """`read_file`: gives the bytes of a file that an answer names. Raises `BadDouble`."""
    if not isinstance(source, dict):
        raise BadDouble("a double is an object with `method`, `path` and `answer`")
    check_keys(source, KEYS, "a double")
    method = _method(source)
    return Rule(
        method=method,
        path=path_pattern.read(source.get("path")),
        query=_query(source.get("query")),
        rql=_rql(source.get("rql")),
        headers=_headers(source.get("headers")),
        body=_body(source, method),
        answers=_answers(source, read_file),
        times=read_times(source.get("times")),
    )


def check_keys(source: dict[str, Any], known: Collection[str], what: str) -> None:
    """Raises `BadDouble` for a key that nothing reads, which is a slip of the pen."""
    for key in source:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            meant = f"did you mean {near[0]}?" if near else f"it may have {', '.join(known)}"
            raise BadDouble(f"{what} has no key {key!r:.60}: {meant}", key=str(key))


def _method(source: dict[str, Any]) -> str:
    method = source.get("method")
    if not isinstance(method, str) or method.upper() not in (*METHODS, ANY):
        raise BadDouble(
            f"`method` is {' or '.join([', '.join(METHODS), ANY])}, not {method!r:.40}",
            key="method",
        )
    return method.upper()


def _query(given: Any) -> dict[str, tuple[str, ...]]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise BadDouble(
            "`query` is an object of names and values, as in {page: 2}; write RQL below `rql`",
            key="query",
        )
    return {name: _values(name, value) for name, value in given.items()}


def _values(name: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(each, (str, int, float)) for each in values):
        raise BadDouble(f"`query` has no text or number for {name:.60}", key="query")
    return tuple(_as_sent(each) for each in values)


def _as_sent(value: str | int | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rql(given: Any) -> Query | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise BadDouble("`rql` is text, as in eq(name,Ada)&limit(10)", key="rql")
    try:
        return meaning.read(given.removeprefix("?"))
    except BadQuery as error:
        told = error.message.removeprefix("RQL: ")
        raise BadDouble(f"`rql` is no RQL: {told}", key="rql") from None


def _headers(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise BadDouble("`headers` is an object of names and texts", key="headers")
    return {name.lower(): value for name, value in given.items()}


def _body(source: dict[str, Any], method: str) -> Any:
    if "body" not in source:
        return ABSENT
    if method in _BODILESS:
        raise BadDouble(
            f"a rule that can never match: a {method} has no body; leave `body` out", key="body"
        )
    return source["body"]


def _answers(source: dict[str, Any], read_file: ReadFile) -> tuple[ServiceAnswer, ...]:
    if ("answer" in source) == ("answers" in source):
        raise BadDouble(
            "a double has `answer`, as in {status: 200, json: {}}, or `answers`, a list of them",
            key="answer" if "answer" in source else "",
        )
    if "answer" in source:
        return (read_answer(source["answer"], "answer", read_file),)
    given = source["answers"]
    if not isinstance(given, list) or not 0 < len(given) <= _MOST_ANSWERS:
        raise BadDouble(f"`answers` is a list of 1 to {_MOST_ANSWERS} answers", key="answers")
    return tuple(read_answer(each, "answers", read_file) for each in given)


def read_times(times: Any) -> int | None:
    """Raises `BadDouble`."""
    if times is None:
        return None
    if type(times) is not int or times < 1:
        raise BadDouble(
            f"`times` is a whole number from 1, not {times!r:.40}; without it, a double answers"
            " every call",
            key="times",
        )
    return times
