"""Reads the answer of a double from its JSON."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable
from typing import Any

from taskdock.base.errors import BadDouble
from taskdock.web.doubles.rules import answer as answers
from taskdock.web.doubles.rules.answer import JSON, DoubleFailure, Headers, ServiceAnswer
from taskdock.web.doubles.rules.file_content import type_of

ReadFile = Callable[[str], Callable[[], bytes]]
"""Finds the file of this name, and gives what reads it. Raises `BadDouble` where there is none."""

KEYS = ("status", "headers", "json", "text", "file", "base64", "delay", "failure")
LONGEST_DELAY = 900.0  # seconds: no function runs longer
_BODIES = ("json", "text", "file", "base64")
_FAILURES = tuple(each.value for each in DoubleFailure)
_NO_BODY = (204, 304)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})


def no_files(name: str) -> Callable[[], bytes]:
    """A `ReadFile` where there is no folder of doubles."""
    raise BadDouble(
        "`file` is a file in the folder of --doubles, and the server has none: send what is in the"
        " file as `json`, `text` or `base64`"
    )


def read_answer(given: Any, key: str, read_file: ReadFile) -> ServiceAnswer:
    """`key`: of the double, which has this answer. Raises `BadDouble`."""
    try:
        return _read(given, read_file)
    except BadDouble as error:
        raise BadDouble(error.message, key=key) from None


def _read(given: Any, read_file: ReadFile) -> ServiceAnswer:
    if not isinstance(given, dict):
        raise BadDouble(f"an answer is an object, as in {{status: 200, json: {{}}}}: {given!r:.60}")
    unknown = [name for name in given if name not in KEYS]
    if unknown:
        raise BadDouble(f"an answer has no {unknown[0]!r:.60}: it may have {', '.join(KEYS)}")
    delay = _delay(given.get("delay", 0))
    if "failure" in given:
        return _failing(given, delay)
    bodies = [name for name in _BODIES if name in given]
    if len(bodies) > 1:
        raise BadDouble(f"an answer has one body, not {' and '.join(bodies)}")
    status = _status(given.get("status", 200))
    if bodies and status in _NO_BODY:
        raise BadDouble(f"a {status} has no body: leave out `{bodies[0]}`, or choose a status")
    headers = _headers(given.get("headers"))
    kind, body = _body(bodies[0], given, read_file) if bodies else ((), b"")
    if any(name.lower() == "content-type" for name, _ in headers):
        kind = ()
    return ServiceAnswer(status=status, headers=(*kind, *headers), body=body, delay=delay)


def _failing(given: dict[str, Any], delay: float) -> ServiceAnswer:
    beside = [name for name in given if name not in ("failure", "delay")]
    if beside:
        raise BadDouble(f"an answer that fails has only a `delay` beside it, not {beside[0]}")
    failure = given["failure"]
    if failure in _FAILURES:
        return ServiceAnswer(delay=delay, failure=DoubleFailure(failure))
    if type(failure) is int and 500 <= failure <= 599:
        whole = answers.of_error(
            failure, 1, "SERVER_EXCEPTION", f"a double fails with {failure}, as it was told to"
        )
        return ServiceAnswer(
            status=failure, headers=whole.headers, body=whole.content(), delay=delay
        )
    raise BadDouble(
        f"`failure` is {', '.join(_FAILURES)} or a status from 500 to 599, not {failure!r:.40}"
    )


def _status(status: Any) -> int:
    if type(status) is not int or not 200 <= status <= 599:
        raise BadDouble(f"`status` is a whole number from 200 to 599, not {status!r:.40}")
    return status


def _delay(delay: Any) -> float:
    fits = type(delay) in (int, float) and math.isfinite(delay) and 0 <= delay <= LONGEST_DELAY
    if not fits:
        raise BadDouble(
            f"`delay` is a number of seconds from 0 to {LONGEST_DELAY:.0f}, not {delay!r:.40}"
        )
    return float(delay)


def _headers(given: Any) -> Headers:
    if given is None:
        return ()
    if not isinstance(given, dict):
        raise BadDouble("the `headers` of an answer are an object of names and texts")
    found: list[tuple[str, str]] = []
    for name, value in given.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise BadDouble(f"{name!r:.60} is no header that an answer may set")
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str) or _NO_VALUE.search(each):
                raise BadDouble(f"the header {name} is text of one line; put it into quotes")
            found.append((name, each))
    return tuple(found)


def _body(
    name: str, given: dict[str, Any], read_file: ReadFile
) -> tuple[Headers, bytes | Callable[[], bytes]]:
    value = given[name]
    if name == "json":
        whole = answers.of_json(value)
        return JSON, whole.content()
    if not isinstance(value, str):
        raise BadDouble(f"`{name}` is text, not {value!r:.40}; put it into quotes")
    if name == "text":
        return (("Content-Type", "text/plain; charset=utf-8"),), value.encode()
    if name == "file":
        return (("Content-Type", type_of(value)),), read_file(value)
    try:
        return (("Content-Type", "application/octet-stream"),), base64.b64decode(
            value, validate=True
        )
    except (binascii.Error, ValueError):
        raise BadDouble("`base64` is no base64") from None
