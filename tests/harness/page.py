"""The examples of a page: its fenced blocks, and the files that they become in a project."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"# (\S+/\S+|\S+\.\w+)\n")
_TEST = re.compile(r"^(?:class Test\w+|(?:async )?def test_\w+)", re.MULTILINE)


class Use(Enum):
    """How an example is run."""

    PROJECT = "pyproject.toml"
    FILE = "a file that its first line names"
    TESTS = "tests for pytest"
    SCRIPT = "a script"
    SHELL = "lines for a shell"
    OUTPUT = "the output of the example before it"


@dataclass(frozen=True)
class Example:
    language: str
    text: str
    line: int
    """Of the page, where the block begins."""

    @property
    def use(self) -> Use:
        """Raises `ValueError` for a block that cannot be run."""
        if self.language == "toml":
            return Use.PROJECT
        if self.language in ("yaml", "js", "python") and _NAMED.match(
            self.text.replace("// ", "# ", 1)
        ):
            return Use.FILE
        if self.language == "python" and _TEST.search(self.text):
            return Use.TESTS
        if self.language == "python" and (self.is_unittest or _does_something(self.text)):
            return Use.SCRIPT
        if self.language == "sh":
            return Use.SHELL
        if self.language == "text":
            return Use.OUTPUT
        raise ValueError(f"line {self.line}: nobody knows how to run this:\n{self.text}")

    @property
    def path(self) -> str:
        """Of the file that the example is, in the project."""
        if self.use is Use.PROJECT:
            return "pyproject.toml"
        if self.use is Use.FILE:
            named = _NAMED.match(self.text.replace("// ", "# ", 1))
            assert named is not None
            return named[1]
        folder = "tests" if self.use is Use.TESTS else "scripts"
        return f"{folder}/test_line_{self.line}.py"

    @property
    def is_unittest(self) -> bool:
        return "unittest.TestCase" in self.text


def examples(page: Path) -> list[Example]:
    """All fenced blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


def _does_something(script: str) -> bool:
    """False: it only names things, and passes whatever they are."""
    names = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    return any(not isinstance(each, names) for each in ast.parse(script).body)


def not_shown(expected: str, output: str) -> str | None:
    """The first line of `expected` that does not come in its turn in `output`; None: all do.
    `...` stands for any text in a line; other lines may come between, and any number of spaces."""
    lines: Iterator[str] = map(_spaced, output.splitlines())
    for wanted in filter(None, map(_spaced, expected.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, wanted.split("..."))))
        if not any(pattern.search(line) for line in lines):
            return wanted
    return None


def _spaced(line: str) -> str:
    return " ".join(line.split())
