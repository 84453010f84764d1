"""The console's reader: bytes in any pieces, the same words out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engines.console import MAX_LINE, Console, Flushed, Printed
from emulator.engines.engine import ProgramExit

MARK = "0123456789abcdef"


def read(*pieces):
    console = Console(MARK)
    said = [words for piece in pieces for words in console.feed(piece)]
    return said + console.end()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", []),
        (b"hello\n", [Printed(b"hello")]),
        (b"\n", [Printed(b"")]),
        (b"no end", [Printed(b"no end")]),
        (f"{MARK} flush 4096\n".encode(), [Flushed(4096)]),
        (f"half a line{MARK} flush 1\n".encode(), [Printed(b"half a line"), Flushed(1)]),
        (f"{MARK} exit 1 3 0 7\n".encode(), [ProgramExit(code=3)]),
        (f"{MARK} exit 1 137 1 7\n".encode(), [ProgramExit(code=137, out_of_memory=True)]),
        (f"{MARK} exit 1 3 1 7\n".encode(), [ProgramExit(code=3)]),
        (f"{MARK} exit 1 0 0 7\n{MARK} exit 1 137 0 7\n".encode(), [ProgramExit(code=0)]),
        (
            f"{MARK} exit 1 0 0 7\n{MARK} exit 2 4 0 7\n".encode(),
            [ProgramExit(code=0), ProgramExit(code=4)],
        ),
        (f"{MARK} exit 0 137 0 7\n".encode(), []),
        (f"{MARK} flush x\n".encode(), [Printed(b" flush x")]),
        (f"{MARK} flush {'9' * 5000}\n".encode(), [Printed(b" flush " + b"9" * 5000)]),
        (f"{MARK} exit 1\n".encode(), [Printed(b" exit 1")]),
    ],
)
def test_lines_and_the_shells_words_are_told_apart(data, said):
    assert read(data) == said


@given(st.lists(st.sampled_from([b"a", b"\n", f"{MARK} flush 7\n".encode(), b"\xff\r"])), st.data())
def test_how_the_bytes_are_cut_changes_nothing(parts, data):
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    edges = [0, *cuts, len(whole)]

    pieces = [whole[a:b] for a, b in itertools.pairwise(edges)]

    assert read(*pieces) == read(whole)


def test_a_line_without_end_does_not_fill_the_memory():
    console = Console(MARK)

    said = [words for _ in range(100) for words in console.feed(b"x" * 65536)]

    assert all(len(words.line) <= MAX_LINE for words in said)
    assert sum(len(w.line) for w in said + console.end()) == 100 * 65536


def test_cutting_a_long_line_never_cuts_the_shells_words():
    words = f"{MARK} flush 5\n".encode()

    said = read(b"x" * (MAX_LINE - 3) + words[:10], words[10:])

    assert said[-1] == Flushed(5)
    assert sum(len(w.line) for w in said[:-1]) == MAX_LINE - 3


@given(st.lists(st.sampled_from([b"a", b"\n", b"0123456789", b"\xff\r"])), st.data())
def test_a_muted_console_hears_the_shells_next_word_however_the_bytes_are_cut(parts, data):
    whole = b"".join(parts) + f"{MARK} flush 7\nheard\n".encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    console = Console(MARK)
    console.muted = True

    said = [
        words
        for a, b in itertools.pairwise([0, *cuts, len(whole)])
        for words in console.feed(whole[a:b])
    ]

    assert said == [Flushed(7), Printed(b"heard")]
    assert not console.muted


def test_a_flood_does_not_fill_the_memory_of_a_muted_console():
    console = Console(MARK)
    console.muted = True

    assert [console.feed(b"x\n" * 32768) for _ in range(20)] == [[]] * 20
    assert len(console._lines.take()) <= len(MARK)
