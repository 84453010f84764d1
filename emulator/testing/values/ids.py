"""Ids: a verb takes what a test has at hand, the id or the handle. Pure."""

from __future__ import annotations

from typing import Protocol


class HasId(Protocol):
    @property
    def id(self) -> str: ...


def id_of(given: HasId | str, kind: type[HasId], what: str) -> str:
    """The id of a handle, or the one that is given itself. `what`: it is of, such as "task". Raises
    `TypeError` for anything else, and `ValueError` for an empty one."""
    if isinstance(given, kind):
        return given.id
    if not isinstance(given, str):
        raise TypeError(f"{given!r} is no {what}: give the {kind.__name__}, or the {what}'s id")
    if not given:
        raise ValueError(f"the id of the {what} is empty")
    return given
