"""Checks of ids that callers write, before they are looked for."""

from __future__ import annotations

from taskdock.base import ids
from taskdock.base.errors import BadId


def object_id(text: str) -> str:
    """`text`, if it can be an id. Raises `BadId`."""
    if not ids.is_object_id(text):
        raise BadId(f"'{text[:80]}' is not an id: ids are 24 hexadecimal digits in lower case")
    return text
