"""The rooms of the house stay small, and a name stands for one thing."""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import REPOSITORY

ROOT = REPOSITORY / "emulator"
MODULES = sorted(path for path in ROOT.rglob("*.py") if "migrations" not in path.parts)
FOLDERS = sorted({path.parent for path in ROOT.rglob("*.py")})
MOST_ENTRIES = 12  # of a folder
NO_ENTRIES = ("__pycache__", "py.typed")
"""Without content that anybody looks for."""
MOST_LINES = 250  # of a module that does not say why it has more
MOST_LINES_OF_A_CLASS = 200
REASON = "over 250 lines"
"""How a module says so, in its first lines."""
FIRST_LINES = 12
RIDDLE = re.compile(
    r"(?:^|(?<=[.:!?]\s)|(?<=\n\n))"
    r"(?:What|Who|Whom|Whose|Whoever|Whatever|(?:Whether|That) (?:what|which|who))\b"
    r"(?![^.!?]*\?)[^.!?]*"
)
"""A statement that begins with a clause in place of a noun. A question may begin so."""


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def classes(path: Path) -> Iterator[ast.ClassDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and node.name != "Meta":  # peewee's word, inside tables
            yield node


def test_a_folder_can_be_looked_over() -> None:
    entries = {
        name_of(folder): sum(entry.name not in NO_ENTRIES for entry in folder.iterdir())
        for folder in FOLDERS
    }

    wide = {name: count for name, count in entries.items() if count > MOST_ENTRIES}
    assert not wide, wide


def test_a_module_is_short_or_says_why_not() -> None:
    long = {}
    for module in MODULES:
        lines = module.read_text().splitlines()
        if len(lines) > MOST_LINES and REASON not in " ".join(lines[:FIRST_LINES]).lower():
            long[name_of(module)] = len(lines)

    assert not long, long


def test_a_class_is_short() -> None:
    lengths = {
        f"{name_of(module)} {each.name}": (each.end_lineno or 0) - each.lineno + 1
        for module in MODULES
        for each in classes(module)
    }

    long = {name: count for name, count in lengths.items() if count > MOST_LINES_OF_A_CLASS}
    assert not long, long


def test_no_two_classes_have_one_name() -> None:
    places = defaultdict(list)
    for module in MODULES:
        for each in classes(module):
            places[each.name.lstrip("_")].append(name_of(module))

    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert not twice, twice


def texts(source: str) -> Iterator[str]:
    """The docstrings of a module, its classes and functions, those of attributes, and comments."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(ast.Constant(str(text))):
                yield inspect.cleandoc(text)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("#: ")


def riddles(source: str) -> list[str]:
    return [found[0] for text in texts(source) for found in RIDDLE.finditer(text)]


@pytest.mark.parametrize(
    "source",
    [
        '"""What the function returned."""',
        'class Gate:\n    """Who may call."""',
        'def key():\n    """Raises `NotFound`.\n\n    Whoever asks gets it."""',
        'key: str\n"""That which names a row."""',
        "key = 1  # Whose work it is",
        'def key():\n    """The key. What names a row is never\n    used again."""',
    ],
)
def test_a_statement_without_a_noun_for_its_subject_is_found(source: str) -> None:
    assert len(riddles(source)) == 1


@pytest.mark.parametrize("source", ['"""Who is it? The caller."""', "# Says what it is, and who"])
def test_a_question_and_a_clause_within_a_sentence_are_not(source: str) -> None:
    assert riddles(source) == []


def test_every_statement_begins_with_its_subject() -> None:
    found = {name_of(path): riddles(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}

    unclear = {name: begun for name, begun in found.items() if begun}
    assert not unclear, unclear
