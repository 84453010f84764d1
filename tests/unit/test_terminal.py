"""What a terminal may have of a text."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from taskdock.base.settings import Settings
from taskdock.base.terminal import printable, shown
from taskdock.client.console import output
from taskdock.server import detached, welcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b[2J", r"\u001b[2J"),  # clears the screen
        ("\x1b]0;root@prod\x07", r"\u001b]0;root@prod\u0007"),  # sets the title
        ("\x1b]52;c;cm0gLXJmIC8K\x1b\\", r"\u001b]52;c;cm0gLXJmIC8K\u001b" "\\"),  # the clipboard
        ("\x1bP$q\x1b\\", "\\u001bP$q\\u001b\\"),  # has it answer, as if that were typed
        ("\x9b2J\x9d0;x\x9c", r"\u009b2J\u009d0;x\u009c"),  # the same in one character
        ("\x1b[1A\x1b[2K", r"\u001b[1A\u001b[2K"),  # goes up a line and empties it
        ("\x1b[31", r"\u001b[31"),
        ("\x1b[?31m", r"\u001b[?31m"),
        ("\x1b[" + "1" * 65 + "m", r"\u001b[" + "1" * 65 + "m"),
        ("a\rb\bc\x7f\0", r"a\u000db\u0008c\u007f\u0000"),
        ("admin\u202etxt.exe\u2066", r"admin\u202etxt.exe\u2066"),
        ("a\tb\nc\r\nd", "a\tb\nc\nd"),
        ("größe 木 🪵 \u200d", "größe 木 🪵 \u200d"),
    ],
)
def test_what_would_be_an_order_is_shown_as_text(text: str, safe: str) -> None:
    assert printable(text) == safe
    assert printable(text, colours=False) == safe
    assert shown(text, Terminal()) == safe


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;38;5;8mgrey\x1b[m\n", "\x1b[1;38;5;8mgrey\x1b[m\n"),
        ("\x1b[38:2::1:2:3mred", "\x1b[38:2::1:2:3mred\x1b[0m"),
        ("\x1b[31mred\x1b[2J", "\x1b[31mred\\u001b[2J\x1b[0m"),
    ],
)
def test_colours_stay_and_end_with_their_text(text: str, safe: str) -> None:
    assert printable(text) == safe
    assert "\x1b" not in printable(text, colours=False)


def test_anything_else_than_a_terminal_gets_all_of_it() -> None:
    text = "".join(map(chr, range(0x2070)))

    assert shown(text, io.StringIO()) == text


def test_json_stays_the_same_json() -> None:
    value = "".join(map(chr, range(0x2070)))

    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value


class Pieces(io.RawIOBase):
    """A file that keeps apart what is written to it at once: another's words come in between."""

    def __init__(self) -> None:
        self.all: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.all.append(bytes(piece))
        return len(piece)


def welcome_of(_: str) -> None:
    emulator: Any = SimpleNamespace(
        url="http://localhost:8080",
        settings=Settings(),
        directory=SimpleNamespace(local=SimpleNamespace(password=None)),
    )
    welcome.welcome(emulator, ["walnut"])


def log(text: str) -> None:
    handler = detached.log_handler(None)
    handler.handle(logging.LogRecord("taskdock", logging.INFO, "", 0, text, (), None))


@pytest.mark.parametrize(
    "says", [welcome_of, log, welcome.say, output.say, output.plain, output.note]
)
def test_lines_leave_with_their_end_where_nothing_is_buffered(
    says: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Pieces()
    unbuffered = io.TextIOWrapper(file, "utf-8", write_through=True)  # as by PYTHONUNBUFFERED
    monkeypatch.setattr(sys, "stdout", unbuffered)
    monkeypatch.setattr(sys, "stderr", unbuffered)

    says("walnut")

    (piece,) = filter(None, file.all)  # click tries a file with nothing
    assert b"walnut" in piece
    assert piece.endswith(b"\n")
