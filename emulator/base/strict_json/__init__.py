"""JSON by its standard. Python's own reader also accepts NaN, Infinity and half characters, and the
depth that it reads depends on its version."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn, TypeVar, cast

MAX_DEPTH = 1000
"""Arrays and objects inside each other: AWS accepts as many.
https://javadoc.io/doc/com.fasterxml.jackson.core/jackson-core/latest/com/fasterxml/jackson/core/StreamReadConstraints.html"""

# Up to Python 3.11 the reader and the writer count each level of JSON as a call, so 1000 calls are
# not enough for 1000 levels. Later versions have separate limits for JSON, which are larger. Code
# that compares values takes four calls for a level, and is called deep inside a request.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 6 * MAX_DEPTH))

_MARK = b"\xef\xbb\xbf"  # U+FEFF in UTF-8: some editors begin files with it
_NESTS = (dict, list)


class TooDeep(ValueError):
    """The text is nested deeper than `MAX_DEPTH`."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {MAX_DEPTH} deep")


def loads(text: str | bytes) -> Any:
    """The value of `text`. Raises `ValueError`, whose message says what is wrong.

    A byte order mark is ignored: RFC 8259, 8.1, allows that, and AWS does it.
    """
    if isinstance(text, bytes):
        text = without_mark(text).decode()  # Python's reader would let halves of characters pass
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # an escape can hold half a character
    except RecursionError:
        raise TooDeep from None
    except UnicodeEncodeError:
        raise ValueError("it has half of a surrogate pair, which is no character") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "string conversion" not in str(error):
            raise
        # https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation
        raise ValueError("it has a whole number of too many digits") from None
    _check_depth(text, value)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def explained(error: ValueError) -> str:
    """Why a text is no JSON, in our words, for an error of `loads` or `check`: the place, and what
    belongs there. Python's own words differ between its versions."""
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1} is not UTF-8"
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    text, at = error.doc, error.pos
    if not text.strip():
        return "it is empty"
    if at >= len(text.rstrip()):
        return f"it ends too early, at {_place(text, len(text.rstrip()))}"
    found = text[at]
    before = text[:at].rstrip()
    if found in "]}" and before.endswith(","):  # Python 3.13 and later name the comma itself
        return f"{_place(text, len(before) - 1)}: the last comma has nothing after it"
    word = re.match(r"\w{1,30}|.", text[at:], re.DOTALL)
    shown_word = repr(word[0] if word else found)
    sentence = next((ours for theirs, ours in _COMPLAINTS if error.msg.startswith(theirs)), None)
    return f"{_place(text, at)}: {(sentence or _NO_VALUE).format(shown_word)}"


_NO_VALUE = "{} is no value; text needs double quotes"
_COMPLAINTS = (
    ("Expecting property name", "a name in double quotes belongs here, not {}"),
    ("Expecting ':'", "a colon belongs here, not {}"),
    ("Expecting ','", "a comma belongs here, not {}"),
    ("Extra data", "the JSON has ended, but there is more: {}"),
    ("Unterminated string", "a text begins here and has no closing quote"),
    (
        "Invalid control character",
        "a line break or the like in a text is written as \\n or the like",
    ),
    ("Invalid \\", "there is no such escape; a backslash itself is written twice"),
    ("Illegal trailing comma", "the last comma has nothing after it"),
)
"""The beginnings of Python's complaints, and ours. {}: the word at that place."""


def _place(text: str, at: int) -> str:
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return f"line {line}, column {column}"


def check(text: bytes) -> None:
    """Raises `ValueError` for text that is not JSON: `json.JSONDecodeError` where the position is
    known, `TooDeep` for text that is nested too deeply.

    The text is not turned into a value: numbers of any size and escapes of half characters are
    JSON, and are for the function that gets them to judge.
    """
    try:
        shown = text.decode()
    except UnicodeDecodeError as error:
        before = text[: error.start].decode()
        raise json.JSONDecodeError(
            "no UTF-8", before + chr(text[error.start]), len(before)
        ) from None
    try:
        value = json.loads(shown, parse_constant=_refuse, parse_float=str, parse_int=str)
    except RecursionError:
        raise TooDeep from None
    _check_depth(shown, value)


def without_mark(text: bytes) -> bytes:
    """`text` without a byte order mark at its beginning."""
    return text.removeprefix(_MARK)


def _check_depth(text: str, value: Any) -> None:
    """Raises `TooDeep`. `value` is the value of `text`."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return  # nearly always, and quick to find out
    level = [value] if isinstance(value, _NESTS) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, _NESTS)
        ]
    if level:
        raise TooDeep


# JSON in messages for people

NOUNS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
"""The words for JSON's types, by the names that JSON Schema has for these."""
_MOST_SHOWN = 40  # characters of a value
_SECRET = re.compile(r"pass(?:word|wd|phrase)|secret|token|api_?key|private_?key|credential", re.I)


def _is_secret(field: str) -> bool:
    """Whether a field may hold a secret: by its name, or as a variable of an environment."""
    names = [name for name in field.split(".") if not name.isdigit()]
    return bool(names) and (
        bool(_SECRET.search(names[-1])) or any("environment" in name.lower() for name in names)
    )


def shown(value: Any, field: str = "") -> str:
    """A value in a message: as JSON, shortened, and lists and objects by their noun alone. `field`:
    the path of the field that has the value; a secret's value is not shown."""
    if isinstance(value, (list, tuple)):
        return NOUNS["array"] if value else "an empty list"
    if isinstance(value, dict):
        return NOUNS["object"]
    if type(value) in (str, int, float) and _is_secret(field):
        return f"text of length {len(value)}" if isinstance(value, str) else "a number"
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) <= _MOST_SHOWN:
        return text
    return text[:_MOST_SHOWN] + ('..."' if isinstance(value, str) else "...")


# The types that this server's own JSON is made of

Json = dict[str, Any]
"""A JSON object, by its keys."""


class SchemaPart:
    """A part of a value's JSON schema, for `Annotated[...]`."""

    def __init__(self, **facts: Any) -> None:
        self.facts: Json = facts


def one_of(*values: str) -> SchemaPart:
    """The value is one of these."""
    return SchemaPart(enum=list(values))


ObjectId = Annotated[
    str, SchemaPart(pattern="^[0-9a-f]{24}$", examples=["67a1f0c2d3e4f5a6b7c8d9e0"])
]
"""An id as `ids.object_id` makes it."""
IsoTime = Annotated[
    str,
    SchemaPart(
        format="date-time",
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        examples=["2026-01-02T03:04:05.678Z"],
    ),
]
"""A time as `clock.to_iso` writes it."""

Shown = TypeVar("Shown", bound=Mapping[str, Any])


def present(shown: Shown) -> Shown:
    """`shown` without the keys whose value is None: our JSON leaves out what is not set.

    A `TypedDict` of such JSON says `X | None` for a key that may be left out.
    """
    return cast("Shown", {key: value for key, value in shown.items() if value is not None})
