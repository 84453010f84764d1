"""Compares a body with what a double says of it: as much as that, and more may be there. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from taskdock.base.strict_json import Json
from taskdock.web.doubles.call import Absent

_SHOWN = 60  # characters of a value


def difference(wanted: Any, found: Any, at: str = "") -> str | None:
    """The first place where `found` has not what is `wanted`; None: it has all of it.

    Of an object, the wanted keys count. An array has as many elements as is wanted, in that order.
    """
    if isinstance(found, Absent):
        return "the body is not there, or is no JSON"
    if isinstance(wanted, dict) and isinstance(found, dict):
        return _first(_of_object(wanted, found, at))
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return _first(difference(one, other, f"{at}/{index}") for index, (one, other) in pairs)
    if type(_plain(wanted)) is type(_plain(found)) and _plain(wanted) == _plain(found):
        return None
    return f"the body has {shown(found)} at {at or '/'}, and not {shown(wanted)}"


def _of_object(wanted: Json, found: Json, at: str) -> Iterator[str | None]:
    for key, value in wanted.items():
        if key in found:
            yield difference(value, found[key], f"{at}/{key}")
        else:
            yield f"the body has no {at}/{key}"


def _first(differences: Iterable[str | None]) -> str | None:
    return next((each for each in differences if each is not None), None)


def _plain(value: Any) -> Any:
    """1 and 1.0 are one number in JSON; true is none."""
    return float(value) if type(value) is int and abs(value) <= 2**53 else value


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
