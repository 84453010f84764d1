"""Ignore files: .taskdockignore, or else .npmignore, or else .gitignore, with git's meaning.

The last two were written for another purpose, which `ignoring.py` allows for.
https://git-scm.com/docs/gitignore
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from taskdock.client.errors import BadPackage

OWN = ".taskdockignore"
NAMES = (OWN, ".npmignore", ".gitignore")
"""The first of these that is in the package's folder counts, and its like in folders below."""

_MOST_BYTES = 1024 * 1024
_CLOSED = re.compile(r"\\.|\[[!^]?\]?[^\]]*\]")  # escaped characters, and sets of characters
_HINT = "look at its brackets and backslashes"


@dataclass(frozen=True)
class IgnoreLine:
    """One line of an ignore file that is a pattern."""

    source: str
    """The file's path in the package."""
    number: int
    text: str
    leaves_out: bool
    """False: the line begins with "!", and takes back what an earlier one has left out."""
    regex: re.Pattern[str]

    @property
    def place(self) -> str:
        return f"{self.source}, line {self.number}"

    @property
    def is_own(self) -> bool:
        return self.source.rpartition("/")[2] == OWN

    def takes_back(self, path: str) -> bool:
        """Whether the line, one that means the path, takes it back by its very name."""
        named = self.text.lstrip("!").rstrip("/").rpartition("/")[2]
        return self.is_own and not self.leaves_out and named == path.rpartition("/")[2]

    def matches(self, path: str, *, is_folder: bool) -> bool:
        """Whether the line means the path itself, not a folder above it. Folders above are asked
        for before, as git does, because what is in a folder that is left out is left out."""
        if is_folder:
            end = len(path) + 1
            if any(_end_of_folder(one) == end for one in self.regex.finditer(f"{path}/")):
                return True
        found = self.regex.search(path)
        return found is not None and _end_of_folder(found) is None


def _end_of_folder(found: re.Match[str]) -> int | None:
    """The end of the folder that the pattern means, as pathspec marks it; None: it means more than
    a folder."""
    return found.end("ps_d") if found.groupdict().get("ps_d") is not None else None


@dataclass(frozen=True)
class IgnoreFile:
    lines: Sequence[IgnoreLine]
    above: str = ""
    """The way from the file's folder down to the package's, ending with a slash."""
    folder: str = ""
    """The file's folder in the package, ending with a slash; empty for the package's own."""

    def line_for(
        self, path: str, *, is_folder: bool, without: Collection[tuple[str, int]] = ()
    ) -> IgnoreLine | None:
        """The last line that means the path, which is one of the package. `without`: sources and
        numbers of lines that do not count."""
        if not path.startswith(self.folder):
            return None
        below = self.above + path[len(self.folder) :]
        for line in reversed(self.lines):
            counts = (line.source, line.number) not in without
            if counts and line.matches(below, is_folder=is_folder):
                return line
        return None


def read(file: Path, source: str, *, above: str = "", folder: str = "") -> IgnoreFile:
    """`source`: the file's name for people. Raises `BadPackage` for a file that cannot be read, or
    with a line that is no pattern."""
    lines = []
    for number, text in enumerate(_text(file).split("\n"), 1):
        line = _line(source, number, text.removesuffix("\r"))
        if line is not None:
            lines.append(line)
    return IgnoreFile(tuple(lines), above, folder)


def _text(file: Path) -> str:
    try:
        if not file.is_file():
            raise BadPackage(f"{file} is no file, and should be one with a pattern on each line")
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadPackage(f"{file} cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise BadPackage(f"{file} is over 1 MB, too much for a list of patterns")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadPackage(f"{file}, line {line}: not UTF-8; save the file as UTF-8") from None
    if "\0" in text:
        raise BadPackage(f"{file} has zero bytes, as UTF-16 has; save the file as UTF-8")
    return text


def _line(source: str, number: int, text: str) -> IgnoreLine | None:
    """None: an empty line or a comment, or one of slashes alone, which means nothing to git."""
    if not text.lstrip("!").strip(" /\t") or text.startswith("#"):
        if text.strip() in ("!", "!!"):
            raise _bad(source, number, text, 'nothing follows the "!"')
        return None
    if "[" in _CLOSED.sub("", text):
        raise _bad(source, number, text, _HINT)
    if "[:" in text:
        raise _bad(source, number, text, "classes such as [:digit:] are not known; write [0-9]")
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - late: most packages have no ignore file

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of regular expressions, which nobody has written
            (pattern,) = GitIgnoreSpec.from_lines([text]).patterns
    except (ValueError, re.error):
        raise _bad(source, number, text, _HINT) from None
    if pattern.include is None or pattern.regex is None:
        raise _bad(source, number, text, _HINT)
    return IgnoreLine(source, number, text.rstrip(), bool(pattern.include), pattern.regex)


def _bad(source: str, number: int, text: str, hint: str) -> BadPackage:
    return BadPackage(f"{source}, line {number}: {text.strip()!r} is no pattern: {hint}")
