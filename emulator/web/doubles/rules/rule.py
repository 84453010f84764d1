"""A rule: which calls it is for, and how they are answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from taskdock.base.errors import BadQuery
from taskdock.store.query.model import Query
from taskdock.web.common.rql import meaning
from taskdock.web.doubles.call import ABSENT, Absent, ServiceCall
from taskdock.web.doubles.rules.answer import ServiceAnswer
from taskdock.web.doubles.rules.path_pattern import PathPattern
from taskdock.web.doubles.rules.subset import difference, shown

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ANY = "ANY"


@dataclass(frozen=True, kw_only=True)
class Rule:
    method: str
    """In capitals; ANY: every method."""
    path: PathPattern
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names and their values; a call may have more."""
    rql: Query | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names are in lower case; a call may have more."""
    body: Any = ABSENT
    """Text is the whole body; other JSON is a part of it: see `subset`."""
    answers: tuple[ServiceAnswer, ...]
    """One after another; the last one stays."""
    times: int | None = None
    """How many calls it answers."""

    @property
    def samples(self) -> tuple[tuple[str, str], ...]:
        """Some of its calls, by method and path."""
        methods = METHODS if self.method == ANY else (self.method,)
        return tuple((method, self.path.sample) for method in methods)

    def could(self, method: str, path: str) -> bool:
        """Whether it may be for calls by this method of this path. HEAD is asked as GET is."""
        return self._has(method) and self.path.match(path) is not None

    def why_not(self, call: ServiceCall) -> str | None:
        """The first thing of a call of its path that is not as the rule says; None: all is."""
        return self._wrong_query(call) or self._wrong_headers(call) or self._wrong_body(call)

    def reply(self, call: ServiceCall, used: int) -> ServiceAnswer:
        """`used`: how many calls it has answered before."""
        return self.answers[min(used, len(self.answers) - 1)]

    def reset(self) -> None:
        """A rule has no state."""

    def _has(self, method: str) -> bool:
        return self.method in (ANY, method) or (method == "HEAD" and self.method == "GET")

    def _wrong_query(self, call: ServiceCall) -> str | None:
        given = parse_qs(call.query, keep_blank_values=True) if self.query else {}
        for name, values in self.query.items():
            if tuple(given.get(name, ())) != values:
                return f"the query has {shown(given.get(name))} for {name}, not {shown(values)}"
        if self.rql is None:
            return None
        try:
            asked = meaning.read(call.query)
        except BadQuery as error:
            return f"the query is no RQL: {error.message}"
        return meaning.difference(self.rql, asked)

    def _wrong_headers(self, call: ServiceCall) -> str | None:
        for name, value in self.headers.items():
            if call.header(name) != value:
                return f"the header {name} is {shown(call.header(name))}, not {shown(value)}"
        return None

    def _wrong_body(self, call: ServiceCall) -> str | None:
        if isinstance(self.body, Absent):
            return None
        if isinstance(self.body, str) and call.json != self.body:
            same = call.body == self.body.encode()
            return None if same else f"the body is not the text {shown(self.body)}"
        return difference(self.body, call.json)
