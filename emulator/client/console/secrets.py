"""Hiding what is secret from who looks over the shoulder: a projector, a recording, a CI log. Pure.

Text for people hides it; JSON for programs has it, because a program asks for the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "********"
"""In place of a value of any length."""

_SECRET = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|(api|access|private|session)[-_]?key"
    r"|authorization|cookie|credential|signature",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"([?&][^=&]*=)[^&]+")


def without_values(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Environment variables, `{NAME: {"value": ...}}`, with no value but empty ones: any of them
    may be secret, whatever its name."""
    return {
        name: {**one, "value": HIDDEN} if one.get("value") else one
        for name, one in variables.items()
    }


def hidden(value: Any) -> Any:
    """JSON without the texts whose names tell that they are secret, such as `password`."""
    if isinstance(value, dict):
        return {
            name: _all_hidden(one) if _SECRET.search(name) else hidden(one)
            for name, one in value.items()
        }
    return [hidden(one) for one in value] if isinstance(value, list) else value


def hidden_in_query(path: str) -> str:
    """A path with its query, without the values of parameters whose names tell that they are
    secret."""
    return _PARAMETER.sub(
        lambda found: f"{found[1]}{HIDDEN}" if _SECRET.search(found[1]) else found[0], path
    )


def _all_hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _all_hidden(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_all_hidden(one) for one in value]
    return HIDDEN if isinstance(value, str) and value else value
