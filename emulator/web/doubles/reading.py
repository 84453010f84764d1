"""Reads a double from its JSON: a rule, or a collection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import BadDouble
from taskdock.base.strict_json import Json
from taskdock.base.timing.clock import to_iso
from taskdock.web.doubles.collections import Collection, Items, Key
from taskdock.web.doubles.doubles import Behaviour
from taskdock.web.doubles.rules import path_pattern
from taskdock.web.doubles.rules import reading as rules
from taskdock.web.doubles.rules.answer_reading import ReadFile

_KEYS = ("collection", "path", "wrap", "defaults", "items", "description")


def reader(read_file: ReadFile, now: Callable[[], datetime]) -> Callable[[Any], Behaviour]:
    """A function that reads doubles. `read_file`: gives the file that an answer names. `now`: the
    time of items that a collection has from the beginning."""

    def read(source: Any) -> Behaviour:
        if isinstance(source, dict) and "collection" in source:
            return _collection(source, now())
        return rules.read(source, read_file)

    return read


def _collection(source: Json, now: datetime) -> Collection:
    """Raises `BadDouble`."""
    rules.check_keys(source, _KEYS, "a collection")
    name, wrap, defaults = source["collection"], source.get("wrap"), source.get("defaults") or {}
    if not isinstance(name, str) or not name:
        raise BadDouble("`collection` is a name, such as documents", key="collection")
    if wrap is not None and (not isinstance(wrap, str) or not wrap):
        raise BadDouble("`wrap` names the field that has what callers send", key="wrap")
    if not isinstance(defaults, dict):
        raise BadDouble("`defaults` is an object of fields", key="defaults")
    path = path_pattern.read(source.get("path"))
    given = _given(source.get("items"), bool(path.variables))
    return Collection(
        name=name,
        path=path,
        wrap=wrap,
        defaults=defaults,
        given={key: _items(each, wrap, now) for key, each in given.items()},
    )


def _given(items: Any, has_variables: bool) -> dict[Key, Any]:
    if items is None:
        return {}
    if not has_variables:
        return {(): items}
    if not isinstance(items, dict):
        raise BadDouble(
            "`items` is an object here, since the path has a variable: the variable's value, and"
            " below it a list, as in {measurements: [...]}",
            key="items",
        )
    return {tuple(value.split("/")): each for value, each in items.items()}


def _items(given: Any, wrap: str | None, now: datetime) -> Items:
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise BadDouble("`items` has a list of objects", key="items")
    found: Items = {}
    for each in given:
        if wrap is not None and not isinstance(each.get(wrap), dict):
            raise BadDouble(
                f"an item has no object `{wrap}`, which `wrap` names: {each!r:.80}", key="items"
            )
        id = each.get("id", ids.object_id(now))
        if not isinstance(id, str) or id in found:
            raise BadDouble(f"the id {id!r:.40} is no text, or comes twice", key="items")
        times = {"creationTimestamp": to_iso(now), "updateTimestamp": to_iso(now)}
        found[id] = {"id": id, **times, **each}
    return found
