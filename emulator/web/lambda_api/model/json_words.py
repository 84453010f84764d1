"""The words in which AWS says that a payload is no JSON: those of its parser, Jackson. Pure."""

from __future__ import annotations

import json

from taskdock.base import strict_json

_EXPECTED = (
    "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
)
_TOO_DEEP = (
    f"Document nesting depth ({strict_json.MAX_DEPTH + 1}) exceeds the maximum allowed"
    f" ({strict_json.MAX_DEPTH}, from `StreamReadConstraints.getMaxNestingDepth()`)"
)
_SOURCE = "Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"


def fault(error: ValueError) -> str:
    """Says the fault and its place; `error` is from `strict_json.check`."""
    if isinstance(error, strict_json.TooDeep):
        return _TOO_DEEP
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    found = "Unexpected end-of-input"
    if error.pos < len(error.doc):
        char = error.doc[error.pos]
        known = char.isascii() and char.isprintable()
        shown = f"'{char}' (code {ord(char)})" if known else f"(CTRL-CHAR, code {ord(char)})"
        found = f"Unexpected character ({shown}): {_EXPECTED}"
    return f"{found}\n at [{_SOURCE}; line: {error.lineno}, column: {error.colno}]"
