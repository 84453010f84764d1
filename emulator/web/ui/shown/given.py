"""The fields of forms as the JSON that the API takes, which checks it. Pure."""

from __future__ import annotations

from typing import Any

from taskdock.base import strict_json
from taskdock.base.errors import BadField


def event(text: str) -> dict[str, Any] | None:
    """The JSON object that is a function's input; None: there is none. Raises `BadField`."""
    if not text.strip():
        return None
    try:
        value = strict_json.loads(text)
    except ValueError as error:
        raise BadField(f"event: it is not JSON: {strict_json.explained(error)}") from None
    if not isinstance(value, dict):
        raise BadField(f"event: it has to be a JSON object, not {strict_json.shown(value)}")
    return value


def whole(name: str, text: str) -> int | None:
    """Raises `BadField`."""
    text = text.strip()
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise BadField(f"{name}: {text[:40]!r} is no whole number")
    return int(text)


def words(text: str) -> list[str] | None:
    """The parts between commas; None: there is none."""
    return [word.strip() for word in text.split(",") if word.strip()] or None
