"""Collections: doubles that keep what they are sent, as the data service keeps documents.

Below its path, a collection creates (POST), finds by RQL (GET), and with an id behind the path
shows (GET), changes (PUT, PATCH) and removes (DELETE). Where the path has variables, each value has
items of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import BadQuery
from taskdock.base.strict_json import Json
from taskdock.base.timing.clock import to_iso
from taskdock.web.common.rql import documents, parser
from taskdock.web.doubles.call import ServiceCall
from taskdock.web.doubles.rules import answer as answers
from taskdock.web.doubles.rules.answer import ServiceAnswer
from taskdock.web.doubles.rules.path_pattern import PathPattern

MOST_ITEMS = 10_000
_DELETE_FIELDS = "deleteFields"

Key = tuple[str, ...]
"""The variables of a path, as they were in a call."""
Items = dict[str, Json]
"""By id, in the order in which they were made."""


class CollectionRefusal(Exception):
    """A call asks for something that cannot be done; `answer` says why."""

    def __init__(self, answer: ServiceAnswer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(kw_only=True, eq=False)
class Collection:
    name: str
    path: PathPattern
    wrap: str | None
    """The field of an item that has what callers send; None: an item is what they send."""
    defaults: Json = field(default_factory=dict)
    """Further fields of new items."""
    given: dict[Key, Items] = field(default_factory=dict)
    """The items that are there from the beginning."""
    times: None = None

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Goes back to what is there from the beginning."""
        self._items = copy.deepcopy(self.given)

    @property
    def samples(self) -> tuple[tuple[str, str], ...]:
        """Its calls, without those of single items."""
        return ("GET", self.path.sample), ("POST", self.path.sample)

    def could(self, method: str, path: str) -> bool:
        """Whether it has an answer to calls by this method of this path."""
        return self._verb(method, path) is not None

    def why_not(self, call: ServiceCall) -> str | None:
        """None: it answers all its calls, and refusals are answers."""
        return None

    def reply(self, call: ServiceCall, used: int) -> ServiceAnswer:
        """Does what the call asks for."""
        verb = self._verb(call.method, call.path)
        assert verb is not None, "`could` has said so"
        try:
            return answers.of_json(verb(call))
        except CollectionRefusal as refused:
            return refused.answer

    def _verb(self, method: str, path: str) -> Callable[[ServiceCall], Json] | None:
        base, rest = path.rstrip("/"), list[str]()
        for _ in range(3):
            variables = self.path.match(base)
            if variables is not None:
                verbs = self._verbs_of(tuple(variables.values()), rest)
                return verbs.get("GET" if method == "HEAD" else method)
            base, _, last = base.rpartition("/")
            rest.insert(0, last)
        return None

    def _verbs_of(self, key: Key, rest: list[str]) -> dict[str, Callable[[ServiceCall], Json]]:
        if not rest:
            return {
                "GET": lambda call: self._find(key, call),
                "POST": lambda call: self._create(key, call),
            }
        id = rest[0]
        if len(rest) == 1:
            return {
                "GET": lambda call: self._get(key, id),
                "PUT": lambda call: self._update(key, id, call),
                "PATCH": lambda call: self._update(key, id, call),
                "DELETE": lambda call: self._remove(key, id),
            }
        if rest[1] == _DELETE_FIELDS and self.wrap is not None:
            return {"POST": lambda call: self._remove_fields(key, id, call)}
        return {}

    def _find(self, key: Key, call: ServiceCall) -> Json:
        try:
            query = parser.parse(call.query)
        except BadQuery as error:
            raise _refused(400, 19, "INVALID_RQL_EXCEPTION", error.message) from None
        found, total = documents.page(list(self._of(key).values()), query)
        page = {"total": total, "offset": query.offset, "limit": query.limit}
        return {"query": call.query, "page": page, "data": found}

    def _create(self, key: Key, call: ServiceCall) -> Json:
        sent, items, now = _object(call), self._of(key), to_iso(call.at)
        if len(items) >= MOST_ITEMS:
            raise _refused(
                400, 27, "ILLEGAL_STATE_EXCEPTION", f"the collection {self.name} is full"
            )
        item = {
            "id": ids.object_id(call.at),
            **copy.deepcopy(self.defaults),
            **(sent if self.wrap is None else {self.wrap: sent}),
            "creationTimestamp": now,
            "updateTimestamp": now,
        }
        items[item["id"]] = item
        return item

    def _get(self, key: Key, id: str) -> Json:
        found = self._of(key).get(id)
        if found is None:
            raise _refused(
                404, 16, "RESOURCE_UNKNOWN_EXCEPTION", f"the collection {self.name} has no {id:.80}"
            )
        return found

    def _update(self, key: Key, id: str, call: ServiceCall) -> Json:
        item, sent = self._get(key, id), _object(call)
        inner = item if self.wrap is None else item.setdefault(self.wrap, {})
        inner.update(sent)
        item["id"] = id
        item["updateTimestamp"] = to_iso(call.at)
        return {"affectedRecords": 1}

    def _remove(self, key: Key, id: str) -> Json:
        self._get(key, id)
        del self._of(key)[id]
        return {"affectedRecords": 1}

    def _remove_fields(self, key: Key, id: str, call: ServiceCall) -> Json:
        item, names = self._get(key, id), _object(call).get("fields")
        if not isinstance(names, list):
            raise _refused(
                400, 14, "MISSING_REQUIRED_FIELDS_EXCEPTION", "required and missing: fields"
            )
        for name in names:
            _forget(item.get(self.wrap or ""), str(name).split("."))
        item["updateTimestamp"] = to_iso(call.at)
        return {"affectedRecords": 1}

    def _of(self, key: Key) -> Items:
        return self._items.setdefault(key, {})


def _forget(inside: Any, path: list[str]) -> None:
    for step in path[:-1]:
        inside = inside.get(step) if isinstance(inside, dict) else None
    if isinstance(inside, dict):
        inside.pop(path[-1], None)


def _object(call: ServiceCall) -> Json:
    if not isinstance(call.json, dict):
        raise _refused(400, 22, "BODY_FORMAT_EXCEPTION", "the body has to be a JSON object")
    return call.json


def _refused(status: int, code: int, name: str, message: str) -> CollectionRefusal:
    return CollectionRefusal(answers.of_error(status, code, name, message))
