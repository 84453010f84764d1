"""Functions that fail, each with the error and the log that a real container gave, and the block
that is made of them. `scripts/record-failures` records them anew.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from taskdock.client.failures.failed_run import FailedRun
from taskdock.testing.zips import base64_of
from tests.support.zips import zipped

FOLDER = Path(__file__).parents[1] / "data" / "failures"
RECORDED: dict[str, dict[str, Any]] = {
    name: case
    for file in sorted(FOLDER.glob("*.json"))
    for name, case in json.loads(file.read_text(encoding="utf-8")).items()
}


class RecordedCode:
    """The files of a case: each a text, or base64 and mode."""

    def __init__(self, files: dict[str, Any]) -> None:
        self._files = files

    def names(self) -> Sequence[str]:
        return list(self._files)

    def text(self, name: str) -> str | None:
        if name not in self._files:
            return None
        try:
            return content(self._files[name])[0].decode()
        except ValueError:
            return None


def content(file: str | dict[str, str]) -> tuple[bytes, int]:
    """Bytes and mode of a file of a case."""
    if isinstance(file, str):
        return file.encode(), 0o644
    return base64.b64decode(file["base64"]), int(file.get("mode", "0o644"), 8)


def request_of(name: str, case: dict[str, Any]) -> dict[str, Any]:
    """The request that makes the function of a case."""
    entries = [(path, *content(file)) for path, file in case["files"].items()]
    variables = {key: {"value": value} for key, value in case["variables"].items()}
    return {
        **{key: case[key] for key in ("runtime", "entryPoint", "timeLimit", "memoryLimit")},
        "name": name,
        "code": base64_of(zipped(*((path, text, 0o100000 | mode) for path, text, mode in entries))),
        "environmentVariables": variables,
    }


def recorded(case: dict[str, Any], **more: Any) -> FailedRun:
    """The failed run of a case."""
    given: dict[str, Any] = {
        "name": case["error"]["name"],
        "message": case["error"]["message"],
        "log": tuple(case["log"]),
        "runtime": case["runtime"],
        "handler": case["entryPoint"],
        "time_limit": case["timeLimit"],
        "memory_limit": case["memoryLimit"],
        "data": case["data"],
        "unmatched": tuple((method, path) for method, path in case["unmatched"]),
        "code": RecordedCode(case["files"]),
    }
    return FailedRun(**{**given, **more})
