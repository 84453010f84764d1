"""JSON as its standard has it. Python's own reader also takes NaN, Infinity and half characters."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def loads(text: str | bytes) -> Any:
    """The value of `text`; raises `ValueError` with what is wrong."""
    try:
        if isinstance(text, bytes):
            text = text.decode()  # Python's reader would let halves of characters pass
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # an escape can hold half a character
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it has half of a surrogate pair, which is no character") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def check(text: bytes) -> None:
    """Raises `ValueError` for what is not JSON: a `json.JSONDecodeError` where the place is known.

    No value is made of it: numbers of any size and escapes of half characters are JSON, and only
    those who use them may mind.
    """
    try:
        shown = text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start].decode()
        raise json.JSONDecodeError(
            "no UTF-8", before + chr(text[error.start]), len(before)
        ) from None
    try:
        json.loads(shown, parse_constant=_refuse, parse_float=str, parse_int=str)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
