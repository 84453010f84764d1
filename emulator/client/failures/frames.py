"""The place in the author's own code where a function failed. Pure: read from trace and log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from taskdock.client.failures.failed_run import TASK_ROOT, FailedRun
from taskdock.client.failures.source_maps import original

_LONGEST = 2000
"""Letters of a line; a longer one is no frame, and may be megabytes that take minutes to search."""
_MOST_FRAMES = 50
_PYTHON = re.compile(r'^\s*File "([^"]+)",? [Ll]ine (\d+)(?:, in (.+))?$')
_NODE = re.compile(r"^\s*at (?:async )?(?:(.*?) \()?((?:file://)?/[^()]*?):(\d+):(\d+)\)?$")
_NODE_HEAD = re.compile(r"^((?:file://)?/[^\s:]*(?: [^\s:]+)*):(\d+)$")
"""The first line of what Node.js prints of a syntax error."""
_REPORT = re.compile(
    r"\tERROR\t(?:Invoke Error|Init Error|Uncaught Exception|Unhandled Promise Rejection) \t"
)
_BAD_JSON = re.compile(r"SyntaxError: /var/task/(\S+?\.json): (?:.*\(line (\d+) )?")
_FROM = re.compile(r"^- (/\S.*)$|imported from (/\S.*?)$", re.MULTILINE)


@dataclass(frozen=True)
class Frame:
    """A line of the author's own code."""

    path: str
    """From the folder of the code on."""
    line: int | None = None
    function: str = ""
    source: str = ""
    column: int | None = None


def own_frame(failed: FailedRun) -> Frame | None:
    """The innermost frame of the author's; None where there is none.

    Python names the innermost frame last, Node.js first.
    """
    frames = own_frames(failed)
    return frames[0] if frames else _importing(failed)


def own_frames(failed: FailedRun) -> list[Frame]:
    """All frames of the author's, the innermost first; none where there is no trace."""
    for lines in (_lines(failed.trace), *_traces(failed.log)):
        frames = _frames(failed, lines)
        if frames:
            return [_with_source(failed, frame) for frame in frames[:_MOST_FRAMES]]
    return []


def _frames(failed: FailedRun, lines: Sequence[str]) -> list[Frame]:
    found: list[Frame] = []
    for number, line in enumerate(lines):
        if len(line) > _LONGEST:
            continue
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if match := _PYTHON.match(line):
            function = (match[3] or "").replace("<module>", "")
            source = "" if _PYTHON.match(following) else following.strip()
            found.insert(0, Frame(match[1], int(match[2]), function, source))
        elif match := _NODE_HEAD.match(line):
            found.insert(0, Frame(_path(match[1]), int(match[2]), source=following.strip()))
        elif match := _NODE.match(line):
            function = (match[1] or "").replace("<anonymous>", "").rstrip(".")
            found.append(
                Frame(_path(match[2]), int(match[3]), _named(function), column=int(match[4]))
            )
    inside = [
        _original(failed, replace(frame, path=frame.path[len(TASK_ROOT) :]))
        for frame in found
        if frame.path.startswith(TASK_ROOT)
    ]
    return [frame for frame in inside if failed.is_own(frame.path)]


def _original(failed: FailedRun, frame: Frame) -> Frame:
    """The frame in what a built file was built from, such as TypeScript."""
    if frame.column is None or frame.line is None:
        return frame
    found = original(failed.code.text, frame.path, frame.line, frame.column)
    if found is None:
        return replace(frame, column=None)
    return replace(frame, path=found.path, line=found.line, source=found.source, column=None)


def _path(text: str) -> str:
    return unquote(text[len("file://") :]) if text.startswith("file://") else text


def _named(function: str) -> str:
    """`exports.handler` and `Runtime.handler` are `handler` to whoever has written it."""
    bare = re.sub(r"^(?:new )?(?:exports|module\.exports|Runtime|Object|Module|_+)\.", "", function)
    return bare if re.fullmatch(r"[\w$.# ]+", bare) and bare != "Object" else ""


def _with_source(failed: FailedRun, frame: Frame) -> Frame:
    if frame.source or frame.line is None:
        return frame
    lines = (failed.code.text(frame.path) or "").splitlines()
    known = 0 < frame.line <= len(lines) and len(lines[frame.line - 1]) <= _LONGEST
    return replace(frame, source=lines[frame.line - 1].strip()) if known else frame


def _traces(log: Sequence[str]) -> Iterator[list[str]]:
    """The traces in a log, the latest error first."""
    for entry in reversed(log):
        found = reported(entry)
        if found is not None:
            yield from _stacks(found)
    lines = _lines(log)
    # Node.js prints some errors itself, and an error of several lines is several entries of Python.
    starts = [number for number, line in enumerate(lines) if _begins(line)]
    for start in reversed(starts):
        yield lines[start : start + 400]


def _begins(line: str) -> bool:
    return line.startswith("Traceback (most recent") or bool(_NODE_HEAD.match(line[:_LONGEST]))


def reported(entry: str) -> dict[str, Any] | None:
    """The error in a line by which AWS's client for Node.js, or either of them in JSON, reports
    one; None for any other line."""
    if match := _REPORT.search(entry[:300]):
        return _object(entry[match.end() :])
    if entry.startswith("{") and '"errorType"' in entry:
        found = _object(entry) or {}
        inner = found.get("message")
        error = inner if isinstance(inner, dict) else found
        return error if "errorType" in error and "errorMessage" in error else None
    return None


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _stacks(error: dict[str, Any]) -> Iterator[list[str]]:
    """Of an unhandled rejection, the reason says where, and not the error itself. The place of a
    syntax error is what `runtimes/syntax` keeps."""
    if isinstance(error.get("place"), list):
        yield _lines([str(line) for line in error["place"]])
    for one in (error.get("reason"), error, error.get("cause")):
        stack = one.get("stack") or one.get("stackTrace") if isinstance(one, dict) else None
        if isinstance(stack, list):
            yield _lines([str(line) for line in stack])
        elif isinstance(stack, str):
            yield _lines([stack])


def _lines(entries: Sequence[str]) -> list[str]:
    """Python's client writes an error as one entry, with carriage returns, or with spaces that do
    not break."""
    text = "\n".join(entry.rstrip("\n") for entry in entries)
    return text.replace("\xa0", " ").replace("\r\n", "\n").replace("\r", "\n").split("\n")


# Errors of an import, of which no trace is left


def _importing(failed: FailedRun) -> Frame | None:
    """The line that imports what is missing, or the file that Node.js could not read as JSON."""
    if match := _BAD_JSON.search(failed.message):
        return _with_source(failed, Frame(match[1], int(match[2] or 0) or None))
    wanted = missing(failed.message)
    if wanted is None:
        return None
    for file in _importers(failed):
        frame = _line_of(failed, file, wanted)
        if frame is not None:
            return frame
    return None


def missing(message: str) -> str | None:
    """The name of the module, package or path that an import has not found."""
    patterns = (
        r"No module named '([^']+)'",
        r"cannot import name '[^']+' from (?:partially initialized module )?'([^']+)'",
        r"Cannot find (?:module|package) '([^']+)'",
        r"The requested module '([^']+)'",
        r"No such built-in module: (\S+)",
    )
    found = (re.search(pattern, message) for pattern in patterns)
    return next((match[1] for match in found if match), None)


def _importers(failed: FailedRun) -> list[str]:
    """The author's files that may have imported it, the likeliest first."""
    named = [first or second for first, second in _FROM.findall(failed.message)]
    if named:
        inside = [path[len(TASK_ROOT) :] for path in named if path.startswith(TASK_ROOT)]
        return [path for path in inside if failed.is_own(path)]
    first = failed.handler_file()
    ending = (".py",) if failed.is_python else (".js", ".mjs", ".cjs")
    others = [name for name in failed.code.names() if name.endswith(ending) and name != first]
    own = [name for name in others if failed.is_own(name)]
    return ([] if first is None else [first]) + own[:200]


def _line_of(failed: FailedRun, file: str, wanted: str) -> Frame | None:
    text = failed.code.text(file)
    if text is None:
        named = f"{TASK_ROOT}{file}" in failed.message
        return Frame(file) if named else None
    last = re.escape(wanted.rpartition("/")[2])
    pattern = rf"""["'][^"']*{last}["']"""
    if failed.is_python:
        pattern = rf"^\s*(?:import|from)\s+(?:[\w., ]+,\s*)?{re.escape(wanted)}\b"
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) <= _LONGEST and re.search(pattern, line):
            return Frame(file, number, source=line.strip())
    return Frame(file) if f"{TASK_ROOT}{file}" in failed.message else None
