"""Hints for functions that miss something in their event, or in their variables."""

from __future__ import annotations

import difflib
import re
from typing import Any

from taskdock.client.failures.failed_run import NOTHING, FailedRun
from taskdock.client.failures.frames import own_frame, own_frames

_KEY = re.compile(r"'([^']+)'")
_UNDEFINED = re.compile(
    r"Cannot (?:read propert(?:y|ies)|destructure property) .*(?:undefined|null)|"
    r"\S+ is not iterable|Cannot convert undefined or null to object"
)
_NONE = re.compile(r"'NoneType' object (?:is not|has no attribute|cannot be)|NoneType")
_OF_DATA = re.compile(r"\bdata\b")


def no_variable(failed: FailedRun) -> str | None:
    frame = own_frame(failed)
    key = _KEY.fullmatch(failed.message)
    if failed.name != "KeyError" or key is None or frame is None:
        return None
    if not re.search(rf"environ\[.{re.escape(key[1])}.\]", frame.source):
        return None
    return (
        f'the function has no variable {key[1]}: "environment": {{"{key[1]}": "..."}} in'
        f" task-config.json, or taskdock deploy PATH --env {key[1]}=VALUE"
    )


def no_data(failed: FailedRun) -> str | None:
    """Nothing was given with -d, and the function fails on that."""
    if failed.data is not NOTHING and failed.data is not None:
        return None
    frames = own_frames(failed)
    if not frames or not _is_of_nothing(failed):
        return None
    # The data may have been handed on before something was read of it.
    of_data = any(_OF_DATA.search(frame.source) for frame in frames)
    if failed.message != "'data'" and not of_data:
        return None
    return "the function was given no data: give it some with -d JSON or -e FILE"


def _is_of_nothing(failed: FailedRun) -> bool:
    if failed.name == "KeyError":
        return failed.message == "'data'"
    if failed.name in ("TypeError", "AttributeError"):
        pattern = _NONE if failed.is_python else _UNDEFINED
        return bool(pattern.search(failed.message))
    return False


def no_field(failed: FailedRun) -> str | None:
    """The data has no field of this name."""
    if not isinstance(failed.data, dict) or not failed.data:
        return None
    frame = own_frame(failed)
    if frame is None:
        return None
    field = _python_field(failed) if failed.is_python else _node_field(failed, frame.source)
    if field is None:
        return None
    of_data = re.search(rf"data['\"]?\]?\??\.?\[?['\"]?{re.escape(field)}\b", frame.source)
    if of_data and field not in failed.data:
        return f"the data has no field {field}; {_there(field, failed.data)}"
    if field in failed.data and not _OF_DATA.search(frame.source):
        read = f"['data']['{field}']" if failed.is_python else f".data.{field}"
        return f"the function gets its data as the field data of the event: write {read}"
    return None


def _python_field(failed: FailedRun) -> str | None:
    key = _KEY.fullmatch(failed.message)
    return key[1] if failed.name == "KeyError" and key else None


def _node_field(failed: FailedRun, source: str) -> str | None:
    """Of `task.data.name.length`, where length was read of undefined, the field is name."""
    read = re.search(r"of undefined \(reading '(\w+)'\)", failed.message)
    if failed.name != "TypeError" or read is None:
        return None
    before = re.search(rf"\b\w+(?:\.data)?\.(\w+)\.{re.escape(read[1])}\b", source)
    return before[1] if before and before[1] != "data" else None


def _there(field: str, data: dict[str, Any]) -> str:
    close = difflib.get_close_matches(field, data, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"it has {', '.join(list(data)[:8])}"
