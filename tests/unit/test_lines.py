"""What a container prints, cut into lines: the bytes in any pieces, the same lines out."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskdock.engines.launcher.lines import MAX_LINE, LineSplitter

FILL = b"x" * (MAX_LINE - 2)


def read(*pieces: bytes) -> list[bytes]:
    lines = LineSplitter()
    return [line for piece in pieces for line in lines.feed(piece)] + lines.end()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"hello\n", [b"hello"]),
        (b"\n", [b""]),
        (b"\n\n", [b"", b""]),
        (b"no end", [b"no end"]),
        (b"one\ntwo", [b"one", b"two"]),
        (b"\xff\r\n\0\n", [b"\xff\r", b"\0"]),
        (b"x" * MAX_LINE + b"\n", [b"x" * MAX_LINE]),
        (b"x" * MAX_LINE + b"y\nz\n", [b"x" * MAX_LINE, b"y", b"z"]),
        (b"a\n" + b"x" * MAX_LINE + b"y\n", [b"a", b"x" * MAX_LINE, b"y"]),
        (b"x" * MAX_LINE + b"y", [b"x" * MAX_LINE, b"y"]),
        (b"10%\r20%\rdone\r\n", [b"10%\r20%\rdone\r"]),
        *[(b"a%cb\n" % code, [b"a%cb" % code]) for code in b"\x0b\x0c\x1c\x1d\x1e\x85\0"],
        ("a\u2028b\u2029c\x85\n".encode(), ["a\u2028b\u2029c\x85".encode()]),
        (FILL + "🌳".encode() + b"\n", [FILL, "🌳".encode()]),
        (FILL + "🌳".encode() * 2, [FILL, "🌳🌳".encode()]),
        (b"\x80" * (MAX_LINE + 1), [b"\x80" * MAX_LINE, b"\x80"]),
    ],
)
def test_lines_are_what_stands_before_line_ends(data: bytes, lines: list[bytes]) -> None:
    assert read(data) == lines


def test_a_line_comes_as_soon_as_it_has_ended() -> None:
    lines = LineSplitter()

    assert lines.feed(b"one\ntw") == [b"one"]
    assert lines.feed(b"o") == []
    assert lines.feed(b"\n\nthree") == [b"two", b""]
    assert lines.end() == [b"three"]


def test_behind_an_end_another_line_begins() -> None:
    lines = LineSplitter()
    lines.feed(b"half a line")

    assert lines.end() == [b"half a line"]
    assert lines.end() == []
    assert lines.feed(b"and more\n") == [b"and more"]


@given(
    st.lists(
        st.sampled_from([b"a", b"\n", b"\xff\r", "🌳".encode(), b"x" * (MAX_LINE // 2)]),
        max_size=12,
    ),
    st.data(),
)
def test_how_the_bytes_are_cut_changes_no_byte_and_no_line_end(
    parts: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in itertools.pairwise([0, *cuts, len(whole)])]

    assert read(*pieces) == read(whole)


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines = LineSplitter()

    said = [line for _ in range(100) for line in lines.feed(b"x" * 65536)]

    assert all(len(line) <= MAX_LINE for line in said)
    assert len(lines._rest) <= MAX_LINE
    assert sum(map(len, said + lines.end())) == 100 * 65536
