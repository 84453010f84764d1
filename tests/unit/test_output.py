"""How the command shows a log line."""

from __future__ import annotations

import pytest

from taskdock.client.console import output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hello \t\n", "hello"),
        ("10%\r20%\r100%", "100%"),
        ("10%\r20%\r", "20%"),
        ("a\r\rb\nc\rd", "b\nd"),
        ("a\r\nb", "a\nb"),
    ],
)
def test_a_terminal_gets_what_a_carriage_return_leaves(text: str, shown: str) -> None:
    assert output.message(text, terminal=True) == shown


@pytest.mark.parametrize("text", ["10%\r20%", "a\r\nb\rc"])
def test_a_file_gets_all_of_it(text: str) -> None:
    assert output.message(f"{text}\n", terminal=False) == text
