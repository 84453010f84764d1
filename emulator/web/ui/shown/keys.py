"""Keys of lists: the last row that is shown, from which the next page goes on. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from taskdock.base.errors import BadQuery
from taskdock.base.timing.clock import from_epoch, to_epoch

_KEY = re.compile(r"(\d{1,14})-([0-9a-f]{24})", re.ASCII)


class Key(NamedTuple):
    moment: datetime
    id: str


def key_of(moment: datetime, id: str) -> str:
    return f"{to_epoch(moment)}-{id}"


def after(text: str) -> Key | None:
    """None: from the first row on. Raises `BadQuery`."""
    if not text:
        return None
    found = _KEY.fullmatch(text)
    if found is None:
        raise BadQuery(f"after: {text[:40]!r} is no place in this list")
    return Key(from_epoch(int(found[1])), found[2])
