"""Leads the paths of files in a container back to the files of the repository. Pure but for asking
whether a file is there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_IN_CONTAINER = re.compile(r"(?:file://)?/var/task/([^\s\"'()<>:,;\\]+)")
_PYTHON_FRAME = re.compile(r'File "([^"]+)", line (\d+)')
_NODE_FRAME = re.compile(r"\bat (?:async )?(?:.*?\()?([^\s()]+?):(\d+):\d+\)?\s*$", re.MULTILINE)
_LONGEST_FRAME = 2000
"""Letters of a line; a longer one is no frame, and may be megabytes that take minutes to search."""


@dataclass(frozen=True)
class SourcePlace:
    """A line of a file of the repository."""

    file: Path
    line: int


class SourcePaths:
    """Of one function: `/var/task` in its container is `code` here."""

    def __init__(self, code: Path | None, root: Path) -> None:
        """`code`: the folder that the function's code was taken from; None where it is not known.
        `root`: the folder that paths are shown from."""
        self._code = code
        self._root = root

    def shown(self, text: str) -> str:
        """The text with each path of a file that is here as that file's, from the root."""
        if self._code is None:
            return text

        def replace(match: re.Match[str]) -> str:
            file = self._here(match[1])
            return match[0] if file is None else os.path.relpath(file, self._root)

        return _IN_CONTAINER.sub(replace, text)

    def place(self, trace: Iterable[str]) -> SourcePlace | None:
        """Where the function's own code failed: the innermost line of a stack trace that is of the
        repository. Python names that line last, Node.js first."""
        if self._code is None:
            return None
        text = "\n".join(trace).replace('","', "\n")  # Node.js logs a stack as JSON
        text = "\n".join(line for line in text.split("\n") if len(line) <= _LONGEST_FRAME)
        python = [place for match in _PYTHON_FRAME.finditer(text) if (place := self._of(match))]
        node = [place for match in _NODE_FRAME.finditer(text) if (place := self._of(match))]
        return python[-1] if python else node[0] if node else None

    def _of(self, frame: re.Match[str]) -> SourcePlace | None:
        inside = _IN_CONTAINER.fullmatch(frame[1])
        file = inside and self._here(inside[1])
        return SourcePlace(file, int(frame[2])) if file else None

    def _here(self, path: str) -> Path | None:
        assert self._code is not None, "asked only where the code is known"
        file = self._code / path
        if ".." in Path(path).parts or not file.is_file():
            return None
        return file
